"""The other labelers, each with numbers worked by hand; and how a labeler is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from labelled import CONSTITUTION, comparison
from precepts import plugins
from precepts.engines import ChoiceRequest, ScriptedEngine
from precepts.engines.base import VerdictRequest
from precepts.engines.scripted import said
from precepts.feedback.chain_of_thought import ChainOfThought, ChainOfThoughtOptions, clamped
from precepts.feedback.contrastive import Contrastive, ContrastiveOptions
from precepts.feedback.labeler import LABELERS, Answer, Question, find_labeler, labeler_names
from precepts.feedback.lessons import VERDICTS
from precepts.feedback.multiple_choice import MultipleChoice
from precepts.feedback.rubric import Rubric, RubricOptions
from precepts.feedback.verdict import Verdict, VerdictOptions, fineness
from precepts.odds import expected_mark
from precepts.prompts.demonstrations import comparison_demonstrations
from precepts.prompts.formats import as_sent

QUESTION = Question(comparison("four", "eight888"), CONSTITUTION.principles[0], tuple(CONSTITUTION.principles[1:3]), 5)


def asked_of(labeler: Any, engine: ScriptedEngine) -> Answer:
    (answer,) = labeler.ask(engine, [QUESTION])
    return answer


# --- chain of thought -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("odds", "clamp", "kept"),
    [
        (3.0, (0.4, 0.6), math.log(1.5)),
        (-3.0, (0.4, 0.6), -math.log(1.5)),
        (0.2, (0.4, 0.6), 0.2),
        (3.0, (0.0, 1.0), 3.0),
        (None, (0.4, 0.6), None),
    ],
)
def test_the_clamp(odds: float | None, clamp: tuple[float, float], kept: float | None) -> None:
    assert clamped(odds, clamp) == (None if kept is None else pytest.approx(kept))


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_reasons_come_first_and_the_letter_is_read_after_them(style: str) -> None:
    seen: list[str] = []

    def odds(request: ChoiceRequest) -> list[float]:
        seen.append(said(request))
        return [-0.1, -3.1]

    engine = ScriptedEngine(lambda _: "(A) is kinder.", odds)
    question = Question(QUESTION.comparison, QUESTION.principle, QUESTION.shots[:1], 5)
    (answer,) = ChainOfThought(style, comparison_demonstrations()[:1], ChainOfThoughtOptions()).ask(engine, [question])  # type: ignore[arg-type]
    assert answer.reasoning == "(A) is kinder."
    assert seen[0].endswith("Let's think step by step: (A) is kinder.\n\nSo the answer is:")
    assert seen[0].count("Let's think step by step:") == 2  # the example has its reasons too
    assert answer.logprobs == (-0.1, -3.1)  # raw
    assert answer.log_odds == pytest.approx(math.log(1.5))  # clamped to 0.6


def test_without_reasons_there_is_no_letter() -> None:
    answer = asked_of(
        ChainOfThought("chat", comparison_demonstrations()[:2], ChainOfThoughtOptions()), ScriptedEngine(lambda _: "")
    )
    assert (answer.log_odds, answer.unscored) == (None, "no_reasoning")


# --- contrastive ----------------------------------------------------------------------------------------------------


def follows(request: ChoiceRequest) -> list[float]:
    """Sums: following, -4 and -8; breaking, -6 and -16."""
    return [-4.0, -8.0] if "prefers" in said(request) else [-6.0, -16.0]


@pytest.mark.parametrize(
    ("options", "odds"),
    [
        ({}, (2 / 4 - 8 / 8) * 6),  # gains 2 over 4 characters, 8 over 8, at the mean length of 6
        ({"scale": 2.0}, (2 / 4 - 8 / 8) * 12),
        ({"normalise": "none"}, 2 - 8),
    ],
)
def test_contrastive_by_hand(options: dict[str, Any], odds: float) -> None:
    answer = asked_of(Contrastive("chat", (), ContrastiveOptions(**options)), ScriptedEngine([], follows))
    assert answer.log_odds == pytest.approx(odds)
    assert answer.logprobs == (-4.0, -8.0, -6.0, -16.0)


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_contrastive_weighs_both_responses_after_the_conversation(style: str) -> None:
    request = Contrastive(style, (), ContrastiveOptions()).request(QUESTION, "follow")  # type: ignore[arg-type]
    text = said(request)
    assert "Choose by rule 0." in text
    assert "How do I bake {first}?" in text  # what was said is not filled in
    assert [answer.strip() for answer in request.answers] == ["four", "eight888"]


# --- verdict --------------------------------------------------------------------------------------------------------


def test_fineness_by_hand() -> None:
    assert fineness([math.log(0.6), math.log(0.1), math.log(0.3)]) == pytest.approx(math.log(0.6 / 0.4))
    assert fineness([-2000.0, -1000.0, -1000.0]) == pytest.approx(-1000 - math.log(2))  # no overflow
    assert fineness([math.nan, -1.0, -1.0]) is None


def test_verdicts_by_hand() -> None:
    four, eight = [math.log(0.5), math.log(0.25), math.log(0.25)], [math.log(0.2), math.log(0.8), -900.0]

    def odds(request: ChoiceRequest) -> list[float]:
        assert request.answers == VERDICTS
        return four if "four" in as_sent(request.prompt) else eight

    answer = asked_of(Verdict("chat", (), VerdictOptions(scale=2.0)), ScriptedEngine([], odds))
    assert answer.log_odds == pytest.approx(2 * (0 - math.log(0.25)))
    assert answer.logprobs == (*four, *eight)
    assert QUESTION.principle.critique_request in answer.sent


def test_a_verdict_head_is_read_in_place_of_words() -> None:
    class Headed(ScriptedEngine):
        def verdicts(self, requests: Sequence[VerdictRequest], among: Sequence[str]) -> list[list[float]]:
            return [[-1.0, -2.0] if "four" in each.response else [-3.0, -0.5] for each in requests]

    answer = asked_of(Verdict("chat", (), VerdictOptions()), Headed([]))
    assert answer.log_odds == pytest.approx(1.0 - -2.5)
    assert answer.logprobs == (-1.0, -2.0, -3.0, -0.5)
    assert "four" in answer.sent and "eight888" in answer.sent
    assert str(QUESTION.principle.critique_request) not in answer.sent  # the head does not read it


def test_a_principle_without_a_critique_request_gives_no_verdict() -> None:
    silent = replace(QUESTION, principle=QUESTION.principle.model_copy(update={"critique_request": None}))
    engine = ScriptedEngine([], lambda request: [-1.0, -2.0, -3.0])
    both = Verdict("raw", (), VerdictOptions()).ask(engine, [silent, QUESTION])
    assert [each.unscored for each in both] == ["no_critique_request", None]


# --- rubric ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probabilities", "mark"),
    [((0.1, 0.1, 0.2, 0.2, 0.4), 2.7), ((0.0, 0.0, 0.0, 0.0, 0.3), 4.0), ((0.2,) * 5, 2.0), ((0.0,) * 5, None)],
)
def test_the_expected_mark(probabilities: tuple[float, ...], mark: float | None) -> None:
    logprobs = [math.log(p) if p else -math.inf for p in probabilities]
    assert expected_mark(logprobs) == (None if mark is None else pytest.approx(mark))


def test_rubric_by_hand() -> None:
    def odds(request: ChoiceRequest) -> list[float]:
        sure = 4 if "four" in said(request) else 1
        return [0.0 if mark == sure else -math.inf for mark in range(5)]

    answer = asked_of(Rubric("chat", (), RubricOptions(scale=0.5)), ScriptedEngine([], odds))
    assert answer.log_odds == pytest.approx(1.5)
    assert len(answer.logprobs or ()) == 10


# --- how a labeler is found -----------------------------------------------------------------------------------------


def test_an_unknown_labeler_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match="multiple_choice"):
        find_labeler("multiple-choise")


def test_another_package_adds_a_labeler(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = EntryPoint("mine", "precepts.feedback.multiple_choice:MultipleChoice", LABELERS.group)
    broken = EntryPoint("broken", "no_such_module:Labeler", LABELERS.group)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [mine, broken])
    assert find_labeler("mine") is MultipleChoice
    assert {"mine", "broken", "contrastive"} <= set(labeler_names())
    with pytest.raises(ValueError, match="cannot be imported"):
        find_labeler("broken")
