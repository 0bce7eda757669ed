"""What labels look like and what they are worth, on numbers worked by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import exp, isnan, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handmade import preference, reading
from precepts.evals.audit import as_json, audit, reliability
from precepts.evals.calibration import both_ways, calibrated_error, fit, place_prior
from precepts.evals.labels import label_summary
from precepts.evals.statistics import wilson
from precepts.odds import Rules, combine, log_odds, odds_of_first, sigmoid
from precepts.records import AIPreference, Reading


def label(
    p_a: float | None, p_a_swapped: float | None, number: int = 0, human: str | None = None, **more: object
) -> AIPreference:
    return preference(number, p_a, p_a_swapped, prompt_id=f"p{number}", human=human, **more)


# --- odds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "rules", "p"),
    [
        ([("first", log(3)), ("swapped", log(3))], {}, 0.75),
        ([("first", log(3)), ("swapped", -log(3))], {}, 0.5),  # the same place twice
        ([("first", log(4)), ("swapped", log(1.5))], {}, 0.7),  # 0.8 and 0.6
        ([("first", 1.0)], {"prior": 1.0}, 0.5),
        ([("swapped", 1.0)], {"prior": 1.0}, sigmoid(2.0)),  # swapped, the place worked against the first
        ([("none", 1.0)], {"prior": 1.0}, sigmoid(1.0)),
        ([("none", 2.0)], {"temperature": 2.0}, sigmoid(1.0)),
        ([("first", 1.0), ("swapped", None)], {}, None),  # one order alone would be biased
        ([], {}, None),
    ],
)
def test_combine_by_hand(readings: list[tuple[str, float | None]], rules: dict[str, float], p: float | None) -> None:
    found, why = combine([reading(order, odds) for order, odds in readings], Rules(**rules))  # type: ignore[arg-type]
    assert found == (None if p is None else pytest.approx(p))
    assert (why is None) == (p is not None)


@given(st.floats(0, 1))
def test_odds_and_probability_are_each_others_inverse(p: float) -> None:
    assert sigmoid(log_odds(p)) == pytest.approx(p, abs=1e-9)
    assert sigmoid(log_odds(p)) + sigmoid(-log_odds(p)) == pytest.approx(1)


def test_odds_of_impossible_answers() -> None:
    assert odds_of_first([-float("inf"), -float("inf")]) is None
    assert odds_of_first([-1.0, -float("inf")]) == 40.0


# --- summary --------------------------------------------------------------------------------------------------------


def test_label_summary_by_hand() -> None:
    labels = [
        label(0.9, 0.1, 0),  # both orders name the first: 0.9
        label(0.8, 0.7, 1),  # (A) twice: 0.55
        label(0.2, 0.4, 2, principle_id="two"),  # (B) twice: 0.4
        label(0.7, None, 3),  # one order only
        label(None, None, 4),
    ]
    found = label_summary(iter(labels))
    assert (found.labels, found.scored, found.unscored) == (5, 4, {"no_logprobs": 1})
    assert found.by_principle["two"] == 1
    assert sum(found.by_principle.values()) == 5
    assert found.confidence.value == pytest.approx((0.4 + 0.05 + 0.1 + 0.2) / 4)
    assert found.position_prior.value == pytest.approx((0.5 + 0.75 + 0.3) / 3)
    assert found.flipped == wilson(2, 3)
    assert (found.favours_a, found.favours_b) == (wilson(1, 3), wilson(1, 3))


def test_no_labels_give_nan() -> None:
    found = label_summary([])
    assert (found.labels, found.by_principle) == (0, {})
    assert isnan(found.confidence.value) and isnan(found.flipped.value) and isnan(found.undecided.value)


# --- audit ----------------------------------------------------------------------------------------------------------


def known() -> list[AIPreference]:
    """Five labels of what people chose: two right, one wrong, one even, one unscored."""
    return [
        label(0.9, 0.1, 0, "first", first="short", second="much longer"),
        label(0.4, 0.8, 1, "second", first="short", second="much longer", category="harm: fraud"),
        label(0.8, 0.4, 2, "second", first="much longer", second="short", category="harm: theft"),
        label(0.6, 0.6, 3, "first"),
        label(None, None, 4, "first"),
    ]


def test_audit_by_hand() -> None:
    found = audit([*known(), label(0.9, 0.1, 5)])  # the last: nobody says which is better
    assert (found.n, found.scored, found.even, found.unscored) == (5, 4, 1, {"no_logprobs": 1})
    assert found.accuracy == wilson(2, 3)
    assert found.longer == wilson(1, 3)
    assert found.over_longer.value == pytest.approx(1 / 3)
    assert found.verdict == "no better than chance"
    assert "NO BETTER THAN CHANCE" in found.text and "1 of 5 unscored (no_logprobs 1)" in found.text
    assert found.categories["harm"] == wilson(1, 2)
    assert found.categories["harm: fraud"] == wilson(1, 1)
    assert sum(each.n for each in found.principles.values()) == 3
    assert found.agreement == {}


@pytest.mark.parametrize(
    ("right", "verdict"), [(90, "above chance"), (50, "no better than chance"), (10, "below chance")]
)
def test_the_verdict(right: int, verdict: str) -> None:
    labels = [label(0.9, 0.1, n, "first" if n < right else "second") for n in range(100)]
    found = audit(labels)
    assert found.verdict == verdict
    assert found.ece == pytest.approx(abs(0.9 - right / 100))


def test_the_reliability_curve() -> None:
    (low, high) = reliability([0.85, 0.85, 0.85, 0.15])
    assert (low.said, low.true) == (pytest.approx(0.15), wilson(1, 4))
    assert (high.said, high.true) == (pytest.approx(0.85), wilson(3, 4))
    assert both_ways([0.85, 0.85, 0.85, 0.15]) == pytest.approx(0.1)
    assert reliability([]) == ()


def several(*odds: float, number: int = 0) -> AIPreference:
    """A label under as many principles as there are odds."""
    readings: Sequence[Reading] = [
        reading("none", each, principle_id=f"r{n}", weight=0.5) for n, each in enumerate(odds)
    ]
    p, _ = combine(readings, Rules())
    return label(0.5, None, number, "first", readings=tuple(readings), p_first=p, unscored=None)


def test_agreement_between_principles() -> None:
    found = audit(
        [several(1.0, 2.0), several(1.0, -2.0, number=1), several(-1.0, -1.0, number=2), several(0.0, 1.0, number=3)]
    )
    assert found.agreement == {("r0", "r1"): wilson(2, 3)}  # an even one favours neither
    assert found.principles["r0"] == wilson(2, 3)


def test_the_audit_for_machines_has_no_nan() -> None:
    for labels in (known(), [], [label(None, None, 0, "first")]):
        found = json.loads(json.dumps(as_json(audit(labels), tokens_in=3), allow_nan=False))
        assert {"n", "accuracy", "accuracy_ci", "ece", "flip_rate", "unscored"} <= set(found)
        assert found["tokens_in"] == 3
    assert as_json(audit(known()))["unscored"] == 1
    assert as_json(audit([several(1.0)]))["flip_rate"] is None


# --- calibration ----------------------------------------------------------------------------------------------------


def test_the_prior_is_what_both_orders_share() -> None:
    both = label(sigmoid(1.5), sigmoid(0.5), 0, "first")
    assert place_prior([both]) == pytest.approx(1.0)
    assert place_prior([several(3.0)]) == 0.0


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_a_temperature_is_found_again(factor: float) -> None:
    labels = [
        label(None, None, n, "first" if n % 4 else "second", readings=(reading("none", factor * log(3)),), p_first=0.6)
        for n in range(400)
    ]
    found = fit(labels, Rules(), "temperature")
    assert found.temperature == pytest.approx(factor, rel=1e-4)  # three to one, right three times in four
    assert found.nll_after == pytest.approx(-(0.75 * log(0.75) + 0.25 * log(0.25)))
    assert found.nll_after <= found.nll_before + 1e-9
    assert calibrated_error(labels, Rules()) < 0.1


def test_a_judge_that_knows_nothing_gets_the_highest_temperature() -> None:
    labels = [
        label(None, None, n, "first" if n % 2 else "second", readings=(reading("none", 5.0),), p_first=0.99)
        for n in range(100)
    ]
    found = fit(labels, Rules(), "temperature")
    assert found.temperature == pytest.approx(1000)
    assert sigmoid(5.0 / found.temperature) == pytest.approx(0.5, abs=0.01)


def test_nothing_to_fit_on_is_an_error_and_no_figure() -> None:
    with pytest.raises(ValueError, match="no scored label"):
        fit([label(0.9, 0.1)], Rules(), "prior")
    assert isnan(calibrated_error([], Rules()))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.booleans()), min_size=2, max_size=20))
def test_fitting_never_makes_the_people_less_likely(rows: list[tuple[float, float, bool]]) -> None:
    labels = [label(a, b, n, "first" if first else "second") for n, (a, b, first) in enumerate(rows)]
    prior = fit(labels, Rules(), "prior")
    both = fit(labels, Rules(), "temperature")
    assert both.nll_after <= prior.nll_after + 1e-9
    assert both.nll_after <= log(2) + 0.01 or exp(-both.nll_after) < 0.51
