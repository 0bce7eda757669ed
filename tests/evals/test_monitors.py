"""Looks at a policy on its way: what is counted where, worked by hand."""

from __future__ import annotations

from math import isnan, nan
from typing import Any

import pytest

from precepts.evals.monitors import SAMPLE, Answer, Look, look_steps, looks, score_gap, watched
from precepts.evals.statistics import Estimate
from precepts.evidence import Evaluation
from precepts.records import Message, Rollout, TrainingStep

REFUSAL = "I can't help with that, since it could hurt somebody."
HELP = "Sure, mix the flour with water, then knead it well and bake it."
LOOP = "Stay safe now. " * 10


def asked(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


def answer(number: int, kind: str, text: str, score: float | None = None) -> Answer:
    return Answer(f"{kind}{number}", kind, asked(f"Question number {number} of {kind}?"), text, score)


def step(number: int, kl: float | None) -> TrainingStep:
    return TrainingStep(number, None, 0.0, None, None, None, kl, None)


def evaluation(number: int, kind: str, text: str, score: float) -> Evaluation:
    rest: dict[str, Any] = {"category": "", "model": "rl-2", "finish": "stop", "verdict": None, "reason": ""}
    return Evaluation(
        f"{kind}{number}",
        kind,
        messages=asked("What now?"),
        text=text,
        score=score,
        unscored=None,
        tokens_in=0,
        tokens_out=0,
        **rest,
    )


def test_what_is_counted_of_which_kind() -> None:
    found = watched(
        [
            answer(1, "red_team", HELP, 1.0),
            answer(2, "red_team", REFUSAL, 2.0),
            answer(3, "red_team", REFUSAL, None),
            answer(4, "red_team", "", 6.0),  # no words: unscored, not refused
            answer(1, "helpful", HELP, 3.0),
            answer(1, "safe_sounding", REFUSAL, 100.0),  # no part of what RL trains on
        ],
        seed=0,
    )
    assert found.answers == 6
    assert (found.score.value, found.score.n) == (3.0, 4)
    assert (found.complied.value, found.complied.n) == (pytest.approx(1 / 3), 3)
    assert (found.refused.value, found.refused.n) == (0.5, 2)
    assert found.words.n == 5


def test_repetition_and_boilerplate_are_shares_of_an_answer() -> None:
    alone = watched([answer(1, "red_team", LOOP)], seed=0)
    assert alone.repetition.value == pytest.approx(27 / 30)  # the first of ten times is no repetition
    assert isnan(alone.boilerplate.value)  # one prompt cannot show what is stock
    closer = "You are valid and valued by us all."
    subjects = ("bread", "engines", "poems", "rivers")
    stock = [
        Answer(each, "helpful", asked(f"Tell me about {each}"), f"{each} are fine. {closer}", 0) for each in subjects
    ]
    assert watched(stock, seed=0).boilerplate.value == pytest.approx(8 / 11)


def test_nothing_is_no_zero() -> None:
    found = watched([], seed=0)
    assert found.answers == 0
    assert all(isnan(each.value) and each.n == 0 for each in vars(found).values() if isinstance(each, Estimate))


def test_a_look_is_about_the_steps_since_the_one_before() -> None:
    rollouts = [Rollout(n, f"p{n}", "red_team", HELP, float(n)) for n in (1, 2, 2, 3, 4, 5)]
    steps = [step(1, 0.1), step(2, 0.3), step(3, None), step(4, 0.5), step(5, 9.0)]
    held = {2: [evaluation(1, "helpful", REFUSAL, -1.0)]}
    found = looks([0, 2, 4], steps, rollouts, held, {}, seed=0)
    assert [each.step for each in found] == [0, 2, 4]
    assert [each.rollouts.answers for each in found] == [0, 3, 2]
    assert [each.rollouts.score.value for each in found[1:]] == [pytest.approx(5 / 3), 3.5]
    assert [each.kl for each in found[1:]] == [pytest.approx(0.2), 0.5]
    assert isnan(found[0].kl)
    assert [each.held_aside.answers for each in found] == [0, 1, 0]
    assert found[1].held_aside.refused.value == 1.0
    later = looks([4], steps, rollouts, {}, {}, seed=0, since=2)
    assert later[0].rollouts == found[2].rollouts  # taken one by one or all together


def test_a_tracker_is_told_what_there_is() -> None:
    (found,) = looks([1], [step(1, 0.25)], [Rollout(1, "p", "red_team", HELP, 2.0)], {}, {}, seed=0)
    figures = found.figures()
    assert figures["kl"] == 0.25
    assert figures["rollouts/score"] == 2.0
    assert figures["rollouts/complied"] == 1.0
    assert not any(name.startswith("held_aside") or isnan(value) for name, value in figures.items())


@pytest.mark.parametrize(
    ("last", "every", "found"),
    [
        (50, 20, [0, 20, 40, 50]),
        (40, 20, [0, 20, 40]),
        (3, 20, [0, 3]),
        (0, 20, [0]),
        (3, None, [0, 1, 2, 3]),
        (40, None, list(range(0, 41, 2))),
    ],
)
def test_when_looks_are_taken(last: int, every: int | None, found: list[int]) -> None:
    assert look_steps(last, every) == found


def seen(step: int, rollouts: float, held_aside: float) -> Look:
    def lot(score: float) -> Any:
        return watched([answer(1, "red_team", HELP, None if isnan(score) else score)], seed=0)

    return Look(step, nan, lot(rollouts), lot(held_aside))


@pytest.mark.parametrize(
    ("so_far", "gap"),
    [
        ([(nan, 0.0), (0.2, 0.1)], 0.0),  # the first look with both is the measure
        ([(nan, 0.0), (0.2, 0.1), (1.2, 0.4)], 0.7),
        ([(0.0, 0.5), (-1.0, 0.5), (0.5, 0.0)], 1.0),
        ([(0.2, 0.1), (1.0, nan)], nan),
        ([(nan, 0.1)], nan),
    ],
)
def test_the_score_gap(so_far: list[tuple[float, float]], gap: float) -> None:
    found = score_gap([seen(n, *scores) for n, scores in enumerate(so_far)])
    assert found == pytest.approx(gap, nan_ok=True)


def test_graders_read_a_sample_that_does_not_hang_on_the_order() -> None:
    many = [answer(n, "red_team", LOOP if n % 2 else HELP, float(n)) for n in range(3 * SAMPLE)]
    found = watched(many, seed=0)
    assert found.score.n == len(many)
    assert found.repetition.n == SAMPLE
    assert watched(many[::-1], seed=0).repetition.value == pytest.approx(found.repetition.value)
