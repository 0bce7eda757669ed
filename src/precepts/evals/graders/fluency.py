"""The fluency grader: how likely an answer is under the start model, so that what training broke shows.

The value is log P(answer | conversation) under the start model in nats per byte of UTF-8: 0 or below, the higher the
more like what that model would write. A byte is the same for every tokenizer, so models can be compared; text in a
loop is very likely once it has begun, which is the repetition grader's matter. An answer that does not fit the model's
context is unscored ("too_long").

How it departs from the paper: it has no such figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from precepts.engines.base import ChoiceRequest, Engine
from precepts.evals.graders.grader import Answered, Asks
from precepts.evidence import Grade
from precepts.prompts.formats import Format, render, turns_of


class Fluency:
    """Grades by likelihood under the start model."""

    name: ClassVar[str] = "fluency"
    version: ClassVar[int] = 1
    asks: ClassVar[Asks] = "start"
    wording: ClassVar[tuple[str, ...]] = ()

    def __init__(self, style: Format) -> None:
        self.style = style

    def grade(self, answers: Sequence[Answered], engine: Engine | None) -> list[Grade]:
        """Values: nats per byte."""
        if engine is None:
            raise ValueError("fluency asks a model; give one")
        chosen = engine.choose([self._request(each) for each in answers])
        return [self._grade(each.text, logprobs[0]) for each, logprobs in zip(answers, chosen, strict=True)]

    def _request(self, answer: Answered) -> ChoiceRequest:
        text = f" {answer.text}" if self.style == "raw" else answer.text
        return ChoiceRequest(render(turns_of(answer.messages), "assistant", self.style), (text,))

    def _grade(self, text: str, logprob: float) -> Grade:
        if not math.isfinite(logprob):
            return Grade(self.name, unscored="too_long")
        return Grade(self.name, value=logprob / len(text.encode()))
