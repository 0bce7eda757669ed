"""The multiple-choice labeler: (A) or (B), by log-probability, under one principle (paper section 4.1).

1. The feedback model reads the conversation, the principle's comparison request and both responses as options, and
   the start of the answer. The label is the probability of " (A)" normalised over " (A)" and " (B)": soft, never a
   hard winner, and nothing is generated or parsed.
2. Few-shot comparisons go first, each under a principle of its own.
3. Log-probabilities kept: those of " (A)" and of " (B)". An answer without them is unscored ("no_logprobs"); one that
   gives both options together less than `least_mass` is "off_format": the model was not answering.
How it departs from the paper: each principle brings its own wording, and principles of the examples are drawn once for
a chunk of labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from precepts.demonstrations import ComparisonDemonstration
from precepts.engines.base import ChoiceRequest, Engine
from precepts.feedback.labeler import Answer, Lesson, Question, Shots, Shows
from precepts.odds import odds_of_first
from precepts.prompts.demonstrations import COMPARISON
from precepts.prompts.formats import Format, as_sent, exchange, plain
from precepts.prompts.render import fill, template
from precepts.records import Messages
from precepts.settings import Settings

OPTIONS = (" (A)", " (B)")


class MultipleChoiceOptions(Settings):
    """`least_mass`: the least probability both options must have together for the answer to count."""

    least_mass: float = Field(default=0.0, ge=0, lt=1)


class MultipleChoice:
    """Labels by the odds of (A) against (B)."""

    name: ClassVar[str] = "multiple_choice"
    version: ClassVar[int] = 1
    ordered: ClassVar[bool] = True
    wording: ClassVar[tuple[str, ...]] = ("templates/comparison.txt", "templates/comparison_answer.txt", COMPARISON)
    shows: ClassVar[Shows] = "comparisons"
    Options: ClassVar[type[Settings]] = MultipleChoiceOptions

    def __init__(self, style: Format, examples: Shots, options: MultipleChoiceOptions) -> None:
        self.style, self.least_mass = style, options.least_mass
        self.examples = tuple(examples)

    def ask(self, engine: Engine, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question, from one call of the engine."""
        requests = [self.request(question) for question in questions]
        odds = engine.choose(requests)
        return [choice_answer(*each, self.least_mass) for each in zip(requests, odds, strict=True)]

    def request(self, question: Question) -> ChoiceRequest:
        """What the feedback model is asked."""
        opening = template("comparison_answer")
        shots = [(asked, opening + option_of(shot)) for asked, shot in shown(self.examples, question)]
        prompt, prefill = exchange(shots, ask_to_choose(question), opening, self.style)
        return ChoiceRequest(prompt, OPTIONS, prefill)

    def lessons(self, question: Question) -> list[Lesson]:
        """The option of the better response, asked without examples."""
        prompt, prefill = exchange([], ask_to_choose(question), template("comparison_answer"), self.style)
        option = OPTIONS[question.comparison.human == "second"]
        return [Lesson(prompt, (prefill + option).strip())]


def ask_to_choose(question: Question) -> str:
    """The question with both responses as options."""
    each = question.comparison
    return _options(each.messages, each.first, each.second, question.principle.comparison_request)


def shown(examples: Sequence[ComparisonDemonstration], question: Question) -> list[tuple[str, ComparisonDemonstration]]:
    """Each few-shot example as it is asked under its own principle."""
    return [
        (_options(shot.messages, shot.first, shot.second, principle.comparison_request), shot)
        for shot, principle in zip(examples, question.shots, strict=True)
    ]


def choice_answer(request: ChoiceRequest, logprobs: list[float], least_mass: float = 0.0) -> Answer:
    """The answer that the log-probabilities of (A) and (B) give."""
    sent = as_sent(request.prompt) + request.prefill
    odds = odds_of_first(logprobs)
    if odds is None:
        return Answer(sent, None, unscored="no_logprobs")
    kept = (logprobs[0], logprobs[1])
    if sum(map(math.exp, kept)) < least_mass:
        return Answer(sent, None, kept, unscored="off_format")
    return Answer(sent, odds, kept)


def option_of(shot: ComparisonDemonstration) -> str:
    """The option that a few-shot example answers with."""
    return OPTIONS[0] if shot.answer == "first" else OPTIONS[1]


def _options(messages: Messages, first: str, second: str, comparison_request: str) -> str:
    return fill(
        template("comparison"),
        conversation=plain(messages),
        comparison_request=comparison_request,
        first=first,
        second=second,
    )
