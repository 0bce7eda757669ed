"""The multiple-choice labeler: what is asked, word for word, and what is read off."""

from __future__ import annotations

import math

import pytest

from labelled import CONSTITUTION, comparison
from precepts.engines import ChoiceRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.feedback.labeler import Question
from precepts.feedback.multiple_choice import MultipleChoice, MultipleChoiceOptions
from precepts.prompts.demonstrations import comparison_demonstrations
from precepts.records import Message

NAN, INF = math.nan, math.inf


def asked(style: str, shots: int) -> ChoiceRequest:
    labeler = MultipleChoice(style, comparison_demonstrations()[:shots], MultipleChoiceOptions())  # type: ignore[arg-type]
    principles = CONSTITUTION.principles
    return labeler.request(Question(comparison(), principles[0], tuple(principles[1 : 1 + shots]), 0))


def test_the_question_word_for_word() -> None:
    assert asked("raw", 0).prompt == (
        "Read this conversation between a human and an assistant:\n\n[[[\nHuman: How do I bake {first}?\n]]]\n\n"
        "Choose by rule 0.\n\nOptions:\n(A) [[[ Mix flour. ]]]\n(B) [[[ I can't. ]]]\n\nThe answer is:"
    )


def test_the_answer_is_begun_in_chat_and_its_options_begin_with_a_space() -> None:
    request = asked("chat", 0)
    assert request.prefill == "The answer is:"
    assert request.answers == (" (A)", " (B)")
    assert [message.role for message in request.prompt if isinstance(message, Message)] == ["user"]


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_shots_carry_their_own_principles_and_right_answers(style: str) -> None:
    text = said(asked(style, 3))
    shots = comparison_demonstrations()[:3]
    places = [text.index(part) for shot in shots for part in (shot.prompt, shot.first, shot.second)]
    assert places == sorted(places)
    assert [text.index(f"Choose by rule {n}.") for n in (1, 2, 3, 0)] == sorted(
        text.index(f"Choose by rule {n}.") for n in range(4)
    )
    options = ["(A)" if shot.answer == "first" else "(B)" for shot in shots]
    answers = [part[1:4] for part in text.split("The answer is:")[1:]]
    assert answers == [*options, ""]


@pytest.mark.parametrize(
    ("logprobs", "least_mass", "odds", "unscored"),
    [
        ([-1.0, -2.0], 0.0, 1.0, None),
        ([math.log(0.3), math.log(0.1)], 0.0, math.log(3), None),
        ([-1.0, -INF], 0.0, 40.0, None),  # certainty is held at 40 nats
        ([-INF, -1.0], 0.0, -40.0, None),
        ([-INF, -INF], 0.0, None, "no_logprobs"),
        ([NAN, -1.0], 0.0, None, "no_logprobs"),
        ([math.log(0.03), math.log(0.01)], 0.05, None, "off_format"),  # both together 0.04
        ([math.log(0.03), math.log(0.03)], 0.05, 0.0, None),
    ],
)
def test_what_is_read_off(logprobs: list[float], least_mass: float, odds: float | None, unscored: str | None) -> None:
    labeler = MultipleChoice("chat", (), MultipleChoiceOptions(least_mass=least_mass))
    question = Question(comparison(), CONSTITUTION.principles[0], (), 0)
    (answer,) = labeler.ask(ScriptedEngine([], lambda _: logprobs), [question])
    assert answer.log_odds == (None if odds is None else pytest.approx(odds))
    assert answer.unscored == unscored
