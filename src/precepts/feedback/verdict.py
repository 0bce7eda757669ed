"""The verdict labeler: each response judged by how a critique of it would begin. For a critic that the warm-up made.

1. Such a critic opens every critique with one of four verdicts (`lessons.py`). The feedback model reads the
   conversation, one response and the critique request, as in stage `revise` (where it has a verdict head, that is read
   in place of words, whatever the principle); how fine the response is are the
   log-odds of the verdict that it is fine: log P(fine) - log of the sum of the others' P.
2. log-odds of the first response = scale * (fineness of the first - that of the second). No response is read beside
   the other, so there are no places to prefer and one order is enough.
3. Log-probabilities kept: of the four verdicts for the first response, then for the second.
How it departs from the paper: the paper compares the two responses in one question. A model too small for that can
still learn to say whether anything is wrong with one of them, and it learns it with the critique.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from precepts.constitution import Principle
from precepts.engines.base import ChoiceRequest, Engine, verdicts_of
from precepts.engines.rendering import verdict_request
from precepts.feedback.critique_revision import critique_prompt
from precepts.feedback.labeler import Answer, Lesson, Question, Shots, Shows
from precepts.feedback.lessons import VERDICTS
from precepts.prompts.formats import Format, as_sent
from precepts.records import Messages
from precepts.settings import Settings


class VerdictOptions(Settings):
    """`scale`: what a difference of one in the log-odds of being fine counts."""

    scale: float = Field(default=1.0, gt=0)


class Verdict:
    """Labels by the difference of two verdicts."""

    name: ClassVar[str] = "verdict"
    version: ClassVar[int] = 2
    ordered: ClassVar[bool] = False
    wording: ClassVar[tuple[str, ...]] = ()
    shows: ClassVar[Shows] = "nothing"
    Options: ClassVar[type[Settings]] = VerdictOptions

    def __init__(self, style: Format, examples: Shots, options: VerdictOptions) -> None:
        self.style, self.scale = style, options.scale

    def ask(self, engine: Engine, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question, from one call of the engine."""
        able = [question for question in questions if question.principle.critique_request]
        asked = [(q.comparison.messages, response, q.principle) for q in able for response in q.responses]
        sent, odds = ask_verdicts(engine, asked, self.style)
        found = iter(zip(sent[0::2], sent[1::2], odds[0::2], odds[1::2], strict=True))
        return [self._answer(*next(found)) if each.principle.critique_request else _UNABLE for each in questions]

    def lessons(self, question: Question) -> list[Lesson]:
        """None of its own: the critic's lessons begin with the verdicts."""
        return []

    def _answer(self, first: str, second: str, verdicts: list[float], other_verdicts: list[float]) -> Answer:
        sent = f"{first}\n\n{second}"
        one, other = fineness(verdicts), fineness(other_verdicts)
        if one is None or other is None:
            return Answer(sent, None, unscored="no_logprobs")
        return Answer(sent, self.scale * (one - other), (*verdicts, *other_verdicts))


def ask_verdicts(
    engine: Engine, asked: Sequence[tuple[Messages, str, Principle]], style: Format
) -> tuple[list[str], list[list[float]]]:
    """What is sent about each response to a conversation, and the log-probabilities of the verdicts on it: by the
    engine's verdict head, else in words, as a critique under the principle would begin."""
    read = [verdict_request(messages, response, style) for messages, response, _ in asked]
    odds = verdicts_of(engine, read, VERDICTS)
    if odds is not None:
        return [f"{as_sent(each.prompt)}\n\n{each.response}" for each in read], odds
    verdicts = tuple(f" {each}" if style == "raw" else each for each in VERDICTS)
    requests = [ChoiceRequest(critique_prompt(*each, style), verdicts) for each in asked]
    return [as_sent(each.prompt) for each in requests], engine.choose(requests)


_UNABLE = Answer("", None, unscored="no_critique_request")


def fineness(logprobs: Sequence[float]) -> float | None:
    """Log-odds that a response is fine, from the log-probabilities of the verdicts; None where these are missing."""
    fine, *faults = logprobs
    if not all(map(math.isfinite, logprobs)):
        return None
    highest = max(faults)
    return fine - highest - math.log(sum(math.exp(each - highest) for each in faults))
