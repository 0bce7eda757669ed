"""The rubric labeler: each response marked alone from 0 to 4, the preference from the difference.

1. The feedback model reads the conversation, one response and the principle, and the start of "Mark:". A response's
   score is the expected mark, sum of k * P(k), with P normalised over the five marks: 0 to 4, not rounded.
2. log-odds = scale * (score of the first - score of the second). No response is read beside the other, so there are
   no places to prefer and one order is enough.
3. Log-probabilities kept: of the marks 0 to 4 for the first response, then for the second.
How it departs from the paper: the paper marks single responses only to evaluate (its absolute harmfulness, 0 to 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from precepts.engines.base import ChoiceRequest, Engine
from precepts.feedback.labeler import Answer, Lesson, Question, Shots, Shows
from precepts.odds import MARKS, expected_mark
from precepts.prompts.formats import Format, as_sent, exchange, plain
from precepts.prompts.render import fill, template
from precepts.settings import Settings


class RubricOptions(Settings):
    """`scale`: log-odds for one mark's difference."""

    scale: float = Field(default=1.0, gt=0)


class Rubric:
    """Labels by the difference of two expected marks."""

    name: ClassVar[str] = "rubric"
    version: ClassVar[int] = 1
    ordered: ClassVar[bool] = False
    wording: ClassVar[tuple[str, ...]] = ("templates/rubric.txt", "templates/rubric_answer.txt")
    shows: ClassVar[Shows] = "nothing"
    Options: ClassVar[type[Settings]] = RubricOptions

    def __init__(self, style: Format, examples: Shots, options: RubricOptions) -> None:
        self.style, self.scale = style, options.scale

    def ask(self, engine: Engine, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question, from one call of the engine."""
        asked = [self.request(question, response) for question in questions for response in question.responses]
        odds = engine.choose(asked)
        return [self._answer(*each) for each in zip(asked[0::2], asked[1::2], odds[0::2], odds[1::2], strict=True)]

    def request(self, question: Question, response: str) -> ChoiceRequest:
        """What the feedback model is asked about one response."""
        asked = fill(
            template("rubric"),
            conversation=plain(question.comparison.messages),
            comparison_request=question.principle.comparison_request,
            response=response,
        )
        prompt, prefill = exchange([], asked, template("rubric_answer"), self.style)
        return ChoiceRequest(prompt, MARKS, prefill)

    def lessons(self, question: Question) -> list[Lesson]:
        """The highest mark for the better response, the lowest for the other."""
        marks = MARKS[::-4] if question.comparison.human == "first" else MARKS[::4]
        asked = [self.request(question, response) for response in question.responses]
        return [Lesson(each.prompt, (each.prefill + mark).strip()) for each, mark in zip(asked, marks, strict=True)]

    def _answer(
        self, first: ChoiceRequest, second: ChoiceRequest, marks: list[float], other_marks: list[float]
    ) -> Answer:
        sent = "\n\n".join(as_sent(each.prompt) + each.prefill for each in (first, second))
        scores = [expected_mark(each) for each in (marks, other_marks)]
        if scores[0] is None or scores[1] is None:
            return Answer(sent, None, unscored="no_logprobs")
        return Answer(sent, self.scale * (scores[0] - scores[1]), (*marks, *other_marks))
