"""From comparisons to labels: both orders, draws, ensembles, abstaining, and nothing guessed."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelled import CONSTITUTION, comparison
from precepts.engines import ChoiceRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.feedback.label import label_comparisons
from precepts.feedback.labeler import BUILTIN, find_labeler
from precepts.odds import Rules
from precepts.prompts.demonstrations import comparison_demonstrations
from precepts.records import AIPreference, Comparison

NAN = math.nan


def label(
    engine: ScriptedEngine, *items: Comparison, name: str = "multiple_choice", seed: int = 1, **rules: Any
) -> list[AIPreference]:
    labeler = find_labeler(name)
    shots = 0 if labeler.shows == "nothing" else 2
    made = labeler("chat", comparison_demonstrations()[:shots], labeler.Options())
    return label_comparisons(engine, made, items, CONSTITUTION, seed, shots, Rules(**rules))


def biased(bias: float) -> ScriptedEngine:
    """Likes longer options, and what stands first by `bias`; both in nats. Other answers are likely by length."""

    def odds(request: ChoiceRequest) -> list[float]:
        if request.answers != (" (A)", " (B)"):
            return [-len(answer) / (2 + len(said(request)) % 5) - 0.1 * n for n, answer in enumerate(request.answers)]
        options = said(request).rpartition("Options:")[2]
        a, b = (options.partition(mark)[2].partition("]]]")[0] for mark in ("(A) [[[", "(B) [[["))
        return [bias + len(a) / 10 - 5, len(b) / 10 - 5]

    return ScriptedEngine(lambda request: f"It has {len(said(request))} characters.", odds)


TEXTS = st.text(alphabet="abc .", min_size=1, max_size=30)


@pytest.mark.parametrize("name", sorted(BUILTIN))
@given(first=TEXTS, second=TEXTS, bias=st.floats(-3, 3), k=st.integers(1, 5))
def test_a_swap_turns_the_label_round_whatever_the_bias(
    name: str, first: str, second: str, bias: float, k: int
) -> None:
    item = comparison(first, second)
    one, other = label(biased(bias), item, item.swap(), name=name, principles=k)
    assert one.p_first is not None
    assert other.p_first is not None
    assert 0 <= one.p_first <= 1
    assert one.p_first + other.p_first == pytest.approx(1)
    assert one.principles == other.principles


def test_one_order_keeps_the_bias_and_a_prior_takes_it_off() -> None:
    item = comparison("same length", "length same")
    one, other = label(biased(2.0), item, item.swap(), both_orders=False)
    assert one.p_first == other.p_first == pytest.approx(1 / (1 + math.exp(-2)))
    assert [reading.order for reading in one.readings] == ["first"]
    (corrected,) = label(biased(2.0), item, both_orders=False, prior=2.0)
    assert corrected.p_first == pytest.approx(0.5)


def test_worked_numbers_of_two_orders() -> None:
    (kept,) = label(biased(1.0), comparison("1234567890", "12345"))
    first, swapped = 1.0 + 0.5, 0.5 - 1.0  # lengths differ by 5 characters: half a nat
    assert [reading.log_odds for reading in kept.readings] == pytest.approx([first, swapped])
    assert kept.p_first == pytest.approx((1 / (1 + math.exp(-first)) + 1 / (1 + math.exp(-swapped))) / 2)
    assert kept.readings[0].logprobs == pytest.approx((1.0 + 12 / 10 - 5, 7 / 10 - 5))  # a space each side
    assert kept.readings[1].logprobs == pytest.approx((1.0 + 7 / 10 - 5, 12 / 10 - 5))
    (cold,) = label(biased(0.0), comparison("1234567890", "12345"), temperature=0.5)
    assert cold.p_first == pytest.approx(1 / (1 + math.exp(-1.0)))


@pytest.mark.parametrize("place", [0, 1])
def test_a_label_without_odds_is_unscored_and_never_even(place: int) -> None:
    calls = iter([[NAN, NAN], [-1.0, -2.0]][:: 1 if place == 0 else -1])
    (kept,) = label(ScriptedEngine([], odds=lambda _: next(calls)), comparison())
    assert (kept.p_first, kept.unscored) == (None, "no_logprobs")
    assert [reading.log_odds is None for reading in kept.readings] == [place == 0, place == 1]


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_garbage_is_unscored(name: str) -> None:
    mute = ScriptedEngine(lambda _: "", lambda request: [NAN] * len(request.answers))
    kept = label(mute, comparison(), comparison(name="c2"), name=name)
    assert [each.p_first for each in kept] == [None, None]
    assert {each.unscored for each in kept} <= {"no_logprobs", "no_reasoning"}


def test_orders_that_disagree_beyond_the_margin_abstain() -> None:
    item = comparison("same length", "length same")
    (kept,) = label(biased(2.0), item, abstain=0.5)  # 0.88 and 0.12
    assert (kept.p_first, kept.unscored) == (None, "orders_disagree")
    (kept,) = label(biased(2.0), item, abstain=0.8)
    assert kept.p_first == pytest.approx(0.5)


def test_principles_without_an_answer_are_left_out_of_the_mean() -> None:
    def odds(request: ChoiceRequest) -> list[float]:
        return [NAN, NAN] if "rule 0" in said(request).rpartition("[[[")[0].rpartition("Options")[0] else [0.0, 0.0]

    (kept,) = label(ScriptedEngine([], odds), comparison(), principles=4)
    assert len(kept.readings) == 8
    assert kept.p_first == pytest.approx(0.5)


def test_principles_are_drawn_for_each_label_and_shots_once_a_chunk() -> None:
    labels = label(ScriptedEngine([]), *(comparison(name=f"c{n}") for n in range(400)))
    counts = Counter(each.principles[0] for each in labels)
    assert all(70 < counts[f"rule-{n}"] < 130 for n in range(4))
    assert len({reading.shot_principles for each in labels for reading in each.readings}) == 1
    shots = {label(ScriptedEngine([]), comparison(), seed=seed)[0].readings[0].shot_principles for seed in range(40)}
    assert len(shots) > 8  # of 16: another chunk, other draws


def test_the_seed_and_the_comparison_decide_the_draws() -> None:
    items = [comparison(name=f"c{n}") for n in range(20)]
    draws = [[each.principles for each in label(ScriptedEngine([]), *items, seed=seed)] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert [label(ScriptedEngine([]), item)[0].principles for item in items] == draws[0]


def test_a_label_says_what_it_was_made_under() -> None:
    (kept,) = label(ScriptedEngine([]), comparison(), principles=4)
    assert sorted(kept.principles) == [f"rule-{n}" for n in range(4)]  # all of them, each once
    assert sum(reading.weight for reading in kept.readings if reading.order == "first") == pytest.approx(1)
    for reading in kept.readings:
        assert reading.principle_hash == CONSTITUTION.principle(reading.principle_id).hash
        assert f"Choose by {reading.principle_id.replace('-', ' ')}." in reading.sent
    assert kept.constitution_hash == CONSTITUTION.hash
    assert (kept.labeler, kept.model, kept.id, kept.prompt_id) == ("multiple_choice", "scripted", "c1", "p1")
    assert json.loads(kept.settings)["shots"] == 2


def test_weights_are_respected() -> None:
    heavy = CONSTITUTION.model_copy(
        update={
            "principles": [
                p.model_copy(update={"weight": 3.0 if n == 0 else 1.0}) for n, p in enumerate(CONSTITUTION.principles)
            ]
        }
    )
    labeler = find_labeler("multiple_choice")
    made = labeler("chat", (), labeler.Options())
    (kept,) = label_comparisons(ScriptedEngine([]), made, [comparison()], heavy, 1, 0, Rules(principles=6))
    parts = {reading.principle_id: reading.weight for reading in kept.readings}
    assert parts == pytest.approx({"rule-0": 0.5, "rule-1": 1 / 6, "rule-2": 1 / 6, "rule-3": 1 / 6})


def test_no_comparisons_are_no_labels() -> None:
    assert label(ScriptedEngine([])) == []
