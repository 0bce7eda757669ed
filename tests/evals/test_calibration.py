"""Prior and temperature against `odds.combine` and worked numbers; the reliability curve; rank correlation."""

from __future__ import annotations

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handmade import preference, reading
from precepts.evals.audit import audit
from precepts.evals.calibration import calibrated_error, fit, place_prior, rules_of
from precepts.evals.labels import label_summary
from precepts.evals.ranks import spearman
from precepts.evals.reliability import calibration
from precepts.evals.statistics import wilson
from precepts.odds import Rules, combine
from precepts.records import AIPreference

Asked = tuple[str, str, float | None]  # principle, order, log-odds of the comparison's first


def label(number: int, human: str | None, *asked: Asked, weights: dict[str, float] | None = None) -> AIPreference:
    readings = tuple(
        reading(order, odds, principle_id=name, weight=(weights or {}).get(name, 1.0)) for name, order, odds in asked
    )
    p_first, unscored = combine(readings, Rules())
    changes = {"readings": readings, "p_first": p_first, "unscored": unscored, "human": human}
    return preference(number, None, None, prompt_id=f"p{number}", **changes)


# --- the prior ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "prior"),
    [
        ([label(0, None, ("a", "first", 1.5), ("a", "swapped", -0.5))], 1.0),  # 1.5 and 0.5 for the first place
        ([label(0, None, ("a", "first", 3.0), ("a", "swapped", 3.0))], 0.0),  # merit alone
        ([label(0, None, ("a", "first", 1.0)), label(1, None, ("a", "first", -0.5))], 0.25),  # one order asked
        ([label(0, None, ("a", "first", 9.0), ("a", "swapped", None))], 0.0),  # half an answer is none
        ([label(0, None, ("a", "none", 9.0))], 0.0),
        ([], 0.0),
    ],
)
def test_the_prior_by_hand(labels: list[AIPreference], prior: float) -> None:
    assert place_prior(labels) == pytest.approx(prior)


def test_the_prior_weighs_principles_within_a_comparison_and_comparisons_alike() -> None:
    asked: list[Asked] = [("a", "first", 2.0), ("a", "swapped", -2.0), ("b", "first", 0.0), ("b", "swapped", 0.0)]
    both = label(0, None, *asked, weights={"a": 0.75, "b": 0.25})  # 0.75 * 2
    one = label(1, None, ("a", "first", 0.5), ("a", "swapped", -0.5))
    assert place_prior([both, one]) == pytest.approx((1.5 + 0.5) / 2)


def test_a_prior_needs_no_human_label_to_be_right_but_some_to_be_tried() -> None:
    labels = [label(n, None, ("a", "first", 1.0), ("a", "swapped", -1.0)) for n in range(3)]
    known = label(9, "first", ("a", "first", 1.0), ("a", "swapped", -1.0))
    found = fit([*labels, known], Rules(temperature=3.0), "prior")
    assert (found.prior, found.temperature, found.n) == (pytest.approx(1.0), 3.0, 1)
    assert found.nll_after == pytest.approx(log(2))
    with pytest.raises(ValueError, match="no scored label"):
        fit(labels, Rules(), "prior")


# --- the temperature ------------------------------------------------------------------------------------------------


def test_a_temperature_that_changes_nothing_is_left_alone() -> None:
    found = fit([label(n, "first", ("a", "none", 0.0)) for n in range(4)], Rules(temperature=2.0), "temperature")
    assert (found.temperature, found.nll_after) == (2.0, pytest.approx(log(2)))


def test_certainty_that_is_right_gets_the_lowest_temperature() -> None:
    found = fit([label(n, "second", ("a", "none", -0.3)) for n in range(4)], Rules(), "temperature")
    assert found.temperature == pytest.approx(0.05)


def test_certainty_that_is_wrong_stays_finite() -> None:
    found = fit([label(0, "first", ("a", "none", -40.0))], Rules(temperature=0.05), "prior")
    assert found.nll_before == pytest.approx(40.0)


_ODDS = st.one_of(st.none(), st.floats(-30, 30))
_READINGS = st.lists(
    st.tuples(st.sampled_from("ab"), _ODDS, _ODDS), min_size=1, max_size=2, unique_by=lambda row: row[0]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(_READINGS, st.sampled_from(["first", "second"])), min_size=1, max_size=6),
    st.floats(-3, 3),
    st.floats(0.2, 20),
)
def test_the_likelihood_is_that_of_the_labels_themselves(
    rows: list[tuple[list[tuple[str, float | None, float | None]], str]], prior: float, temperature: float
) -> None:
    labels = []
    for n, (principles, human) in enumerate(rows):
        asked: list[Asked] = []
        for name, one, other in principles:
            asked += [(name, "first", one), (name, "swapped", other)]
        labels.append(label(n, human, *asked, weights={"a": 0.75, "b": 0.25}))
    rules = Rules(prior=prior, temperature=temperature)
    found = [(combine(each.readings, rules)[0], each.human) for each in labels]
    losses = [-log(max(p if human == "first" else 1 - p, np.exp(-40))) for p, human in found if p is not None]
    if not losses:
        with pytest.raises(ValueError, match="no scored label"):
            fit(labels, rules, "prior")
    else:
        assert fit(labels, rules, "prior").nll_before == pytest.approx(
            np.mean(losses), rel=5e-3, abs=1e-6
        )  # 1 - p is coarse near 0


def test_the_cross_fitted_error_is_of_prompts_not_fitted_on() -> None:
    sure = [label(n, "first" if n % 4 else "second", ("a", "none", 6.0)) for n in range(400)]
    assert audit(sure).ece == pytest.approx(0.2475, abs=0.001)
    assert 0 < calibrated_error(sure, Rules()) < 0.1
    assert calibrated_error(sure[::-1], Rules()) == pytest.approx(calibrated_error(sure, Rules()))
    assert isnan(calibrated_error(sure[:1], Rules()))  # one half is empty


def test_the_rules_in_a_labels_settings() -> None:
    assert rules_of('{"prior": 0.5, "abstain": 0.2, "shots": 5, "options": {}}') == Rules(prior=0.5, abstain=0.2)
    assert rules_of("") == rules_of("[]") == rules_of("{}") == Rules()


# --- what the audit makes of readings -------------------------------------------------------------------------------


def test_labels_that_abstain_still_tell_of_places() -> None:
    torn = preference(0, 0.9, 0.8, human="first", settings='{"abstain": 0.3}', p_first=None, unscored="orders_disagree")
    found = audit([torn])
    assert (found.unscored, found.summary.flipped) == ({"orders_disagree": 1}, wilson(1, 1))
    assert found.principles == {torn.principles[0]: wilson(0, 0)}
    assert found.text.endswith("none of 1 comparisons; 1 of 1 unscored (orders_disagree 1)")


def test_each_principle_counts_with_what_it_says_alone() -> None:
    asked: list[Asked] = [("a", "first", 3.0), ("a", "swapped", 1.0), ("b", "first", -1.0), ("b", "swapped", -1.0)]
    found = audit([label(n, "second", *asked) for n in range(2)])
    assert found.principles == {"a": wilson(0, 2), "b": wilson(2, 2)}
    assert found.accuracy == wilson(0, 2)
    assert (found.agreement, found.agreement_mean.value) == ({("a", "b"): wilson(0, 2)}, 0.0)
    assert label_summary([label(0, None, *asked)]).by_principle == {"a": 1, "b": 1}


def test_the_audit_takes_labels_as_they_come() -> None:
    labels = [label(n, "first", ("a", "none", float(n - 1))) for n in range(3)]
    assert repr(audit(iter(labels))) == repr(audit(labels))
    assert (audit(labels).even, audit(labels).accuracy) == (1, wilson(1, 2))


# --- reliability and ranks ------------------------------------------------------------------------------------------


def test_reliability_by_hand() -> None:
    found = calibration([0.8, 0.8, 0.8], [1, 1, 0])
    low, high = found.curve
    assert (high.said, high.true) == (pytest.approx(0.8), wilson(2, 3))
    assert (low.said, low.true.value, low.true.n) == (pytest.approx(0.2), pytest.approx(1 / 3), 3)
    assert found.error == pytest.approx(0.8 - 2 / 3)


def test_one_half_counts_its_comparisons_once() -> None:
    (point,) = calibration([0.5] * 4, [1.0] * 4).curve
    assert point.true == wilson(2, 4)
    assert calibration([], []).curve == () and isnan(calibration([], []).error)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30))
def test_the_curve_adds_up_to_the_error(rows: list[tuple[float, float]]) -> None:
    found = calibration([p for p, _ in rows], [outcome for _, outcome in rows])
    tiny = 1e-9
    for each in found.curve:
        assert -tiny <= each.true.low <= each.true.value + tiny <= each.true.high + 2 * tiny <= 1 + 3 * tiny
    assert sum(each.true.n for each in found.curve) <= 2 * found.n
    assert not rows or found.error <= max(abs(each.said - each.true.value) for each in found.curve) + 1e-9


def test_rank_correlation_by_hand() -> None:
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4], "abcd", seed=0).value == pytest.approx(0.8)
    assert spearman([1, 2, 2], [1, 2, 3], "abc", seed=0).value == pytest.approx(3**0.5 / 2)  # ranks 1, 2.5, 2.5
    assert spearman([1, 10, 100], [3, 2, -5], "abc", seed=0).value == pytest.approx(-1)
    for x in ([], [1.0], [2.0, 2.0]):
        assert isnan(spearman(x, x, x, seed=0).value)
    with pytest.raises(ValueError, match="equal lengths"):
        spearman([1], [1, 2], "ab", seed=0)


def test_few_prompts_have_no_interval_and_copies_add_none() -> None:
    few = spearman([1, 2, 3] * 5, [1, 2, 3] * 5, "abc" * 5, seed=0)
    assert few.value == pytest.approx(1) and isnan(few.low)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=40).tolist(), rng.normal(size=40).tolist()
    once, copied = spearman(x, y, range(40), seed=1), spearman(x * 3, y * 3, [*range(40)] * 3, seed=1)
    assert (copied.low, copied.high) == (pytest.approx(once.low), pytest.approx(once.high))
    assert once.low < once.value < once.high
    assert spearman(x, y, [f"prompt {n}" for n in range(40)], seed=1) == once


def test_a_weighted_draw_is_the_draw_spelled_out() -> None:
    from precepts.evals.ranks import _correlation

    x, y = np.array([0, 1, 2, 2]), np.array([1, 0, 2, 3])
    spelled = [0, 0, 1, 2, 3, 3, 3]
    ones = np.ones(len(spelled))
    assert _correlation(x, y, np.array([2.0, 1, 1, 3])) == pytest.approx(_correlation(x[spelled], y[spelled], ones))
    assert isnan(_correlation(x, y, np.array([0.0, 0, 0, 5])))
