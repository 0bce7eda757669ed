"""The contrastive labeler: how much likelier a response is when the principle is to be followed than when it is not.

1. The conversation is shown twice, with an instruction to answer as the principle asks and with one to answer against
   it. For a response r of n characters, gain(r) = [log P(r | follow) - log P(r | break)] / n.
2. log-odds = scale * (gain(first) - gain(second)) * (mean length of the two): the difference in nats as if both had the
   same length, so that a longer response is not favoured for being long.
3. Nothing is generated and no option has a place, so one order is enough and the label of a swapped comparison is
   exactly one minus the label.
4. Log-probabilities kept: first | follow, second | follow, first | break, second | break (sums over tokens, nats).
How it departs from the paper: the paper asks its feedback model. A small model cannot answer such a question better
than chance, but what it would rather say itself still tells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from precepts.engines.base import ChoiceRequest, Engine
from precepts.feedback.labeler import Answer, Lesson, Question, Shots, Shows
from precepts.prompts.formats import Format, as_sent, render, turns_of
from precepts.prompts.render import fill, template
from precepts.records import Message
from precepts.settings import Settings

SIDES = ("follow", "break")


class ContrastiveOptions(Settings):
    """`scale` multiplies the log-odds; `normalise`: by length, or not at all."""

    scale: float = Field(default=1.0, gt=0)
    normalise: Literal["length", "none"] = "length"


class Contrastive:
    """Labels by what following the principle does to each response's likelihood."""

    name: ClassVar[str] = "contrastive"
    version: ClassVar[int] = 1
    ordered: ClassVar[bool] = False
    wording: ClassVar[tuple[str, ...]] = tuple(f"templates/contrastive_{side}.txt" for side in SIDES)
    shows: ClassVar[Shows] = "nothing"
    Options: ClassVar[type[Settings]] = ContrastiveOptions

    def __init__(self, style: Format, examples: Shots, options: ContrastiveOptions) -> None:
        self.style, self.options = style, options

    def ask(self, engine: Engine, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question; both responses of a question share one reading of each prompt."""
        asked = [self.request(question, side) for question in questions for side in SIDES]
        odds = engine.choose(asked)
        both = zip(questions, asked[0::2], asked[1::2], odds[0::2], odds[1::2], strict=True)
        return [self._answer(*each) for each in both]

    def request(self, question: Question, side: str) -> ChoiceRequest:
        """The conversation under one instruction, both responses to be weighed."""
        each = question.comparison
        told = fill(template(f"contrastive_{side}"), comparison_request=question.principle.comparison_request)
        if self.style == "raw":
            prompt = f"{told}{render(turns_of(each.messages), 'assistant', 'raw')}"
            return ChoiceRequest(prompt, (f" {each.first}", f" {each.second}"))
        return ChoiceRequest((Message("system", told), *each.messages), (each.first, each.second))

    def lessons(self, question: Question) -> list[Lesson]:
        """The better response where the principle is to be followed, the other where it is to be broken."""
        each = question.comparison
        better, worse = (each.first, each.second) if each.human == "first" else (each.second, each.first)
        told = zip(SIDES, (better, worse), strict=True)
        return [Lesson(self.request(question, side).prompt, response) for side, response in told]

    def _answer(
        self,
        question: Question,
        follow: ChoiceRequest,
        against: ChoiceRequest,
        followed: list[float],
        broken: list[float],
    ) -> Answer:
        sent = "\n\n".join(as_sent(each.prompt) for each in (follow, against))
        if not all(map(math.isfinite, (*followed, *broken))):
            return Answer(sent, None, unscored="no_logprobs")
        gains = [one - other for one, other in zip(followed, broken, strict=True)]
        lengths = [len(question.comparison.first), len(question.comparison.second)]
        return Answer(sent, self.options.scale * self._gap(gains, lengths), (*followed, *broken))

    def _gap(self, gains: Sequence[float], lengths: Sequence[int]) -> float:
        if self.options.normalise == "none":
            return gains[0] - gains[1]
        return (gains[0] / lengths[0] - gains[1] / lengths[1]) * sum(lengths) / 2
