"""Whether an answer is about its prompt: worked numbers, and what is sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import pytest

from precepts.engines import ChoiceRequest, Engine
from precepts.feedback.hygiene import HygieneSettings, Scores, clean
from precepts.feedback.topic import topicality
from precepts.prompts.formats import Format
from precepts.records import Message, Revision

ASKED = (Message("system", "Be kind."), Message("user", "Is rain wet?"))  # 12 bytes


class Guessing:
    """Finds a message likely after an answer that shares a word with it."""

    def __init__(self) -> None:
        self.requests: list[ChoiceRequest] = []

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        self.requests += requests
        return [
            [-6.0 if "Rain is" in str(each.prompt) else -math.inf if "?!" in str(each.prompt) else -30.0]
            for each in requests
        ]


@pytest.mark.parametrize(("style", "answer"), [("chat", "Is rain wet?"), ("raw", " Is rain wet?")])
def test_how_much_likelier_an_answer_makes_its_message(style: Format, answer: str) -> None:
    engine = Guessing()
    rows = [(ASKED, "Rain is wet."), (ASKED, "I like {answer} trains."), (ASKED, "?!")]
    assert topicality(rows, cast(Engine, engine), style) == [24 / 12, 0.0, None]
    assert len(engine.requests) == 4  # once without an answer
    assert {each.answers for each in engine.requests} == {(answer,)}
    assert "I like {answer} trains." in str(engine.requests[1].prompt)
    assert "Be kind" not in str(engine.requests[0].prompt)


@pytest.mark.parametrize(("rule", "asked", "why"), [("off_topic", 0, "off topic"), ("fineness", 1, "found at fault")])
def test_a_revision_that_a_model_scores_low_is_left_out(rule: str, asked: int, why: str) -> None:
    sent = ("", "It hurts people.", "", "Rain is wet.", None, "stop", "m", 0, 0, 0)
    rows = [Revision(name, "p", "x", 1, "kind", "h", "c", (), "Yes.", *sent) for name in ("a", "b", "c")]
    found = {"a": 0.2, "b": 0.0, "c": None}
    scores: list[Scores] = [found, {}] if asked == 0 else [{}, found]
    kept, left_out = clean(rows, HygieneSettings.model_validate({rule: 0.0}), 0, *scores)
    assert ([each.id for each in kept], left_out) == (["a", "c"], {"b": why})
    assert len(clean(rows, HygieneSettings(), 0, found, found)[0]) == 3
