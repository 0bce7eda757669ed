"""Estimates against worked numbers, their determinism, their edges, and their coverage in simulation."""

from collections.abc import Callable
from math import isnan, nan
from statistics import NormalDist

import numpy as np
import pytest

from precepts.evals.statistics import (
    Estimate,
    _tails,
    bootstrap_difference,
    bootstrap_mean,
    calibration_error,
    wilson,
)


def test_bootstrap_of_two_values_finds_the_known_quantiles() -> None:
    # Two draws from {0, 1}: mean 0, 1/2, 1 with chance 1/4, 1/2, 1/4.
    # With one degree of freedom Student's t ends the middle 20 % at 0.325, times sqrt(2) at 0.459: quantiles 0.323 and
    # 0.677, which is 1/2. The middle 95 % is everything.
    assert bootstrap_mean([0, 1], seed=0, level=0.2) == Estimate(0.5, 0.5, 0.5, 2)
    assert bootstrap_mean([0, 1], seed=0) == Estimate(0.5, 0.0, 1.0, 2)


def test_the_tails_of_an_interval_by_hand() -> None:
    # Influences -1, -1, 2: acceleration (-1 - 1 + 8) / (6 * 6 ** 1.5) = 0.06804; half the means below: no bias.
    # Student's t with 2 degrees of freedom ends the middle half at 0.8165, times sqrt(3 / 2) at 1: z / (1 - a z).
    low, high = _tails(np.array([0.0, 1.0]), 0.5, np.array([-1.0, -1.0, 2.0]), 0.5)
    assert low == pytest.approx(NormalDist().cdf(-1 / (1 + 0.06804)), abs=1e-5)
    assert high == pytest.approx(NormalDist().cdf(1 / (1 - 0.06804)), abs=1e-5)


def test_clusters_of_unequal_size_are_weighed_by_their_rows() -> None:
    # Clusters a = {1, 1, 1} and b = {0}: aa gives 3+3 of 6 = 1, ab gives 3 of 4, bb gives 0.
    values, clusters = [1, 1, 1, 0], ["a", "a", "a", "b"]
    assert bootstrap_mean(values, clusters, seed=0, level=0.2) == Estimate(0.75, 0.75, 0.75, 4)
    assert bootstrap_mean(values, clusters, seed=0) == Estimate(0.75, 0.0, 1.0, 4)


def test_copies_of_a_row_in_one_cluster_add_no_certainty() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    prompts = list(range(8))
    once = bootstrap_mean(values, prompts, seed=3)
    copied = bootstrap_mean(values * 5, prompts * 5, seed=3)
    as_rows = bootstrap_mean(values * 5, seed=3)
    assert (copied.value, copied.low, copied.high) == (once.value, once.low, once.high)
    assert copied.n == 40
    assert as_rows.high - as_rows.low < 0.6 * (copied.high - copied.low)


def test_cluster_names_may_be_any_mixture_of_hashables() -> None:
    plain = bootstrap_mean([1, 2, 3, 5], [0, 0, 1, 2], seed=1)
    assert bootstrap_mean([1, 2, 3, 5], ["p", "p", 7, (1, None)], seed=1) == plain


def test_the_seed_fixes_the_interval_and_only_the_seed_moves_it() -> None:
    values = np.random.default_rng(0).normal(size=50).tolist()
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1)
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)
    assert bootstrap_mean(values, seed=1).value == bootstrap_mean(values, seed=2).value


def test_a_large_sample_is_drawn_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=40).tolist()
    whole = bootstrap_mean(values, seed=1, draws=100)
    monkeypatch.setattr("precepts.evals.statistics._CELLS", 7)  # smaller than one draw: one draw at a time
    pieces = bootstrap_mean(values, seed=1, draws=100)
    assert pieces.low == pytest.approx(whole.low)
    assert pieces.high == pytest.approx(whole.high)


@pytest.mark.parametrize(
    "nothing",
    [
        lambda: bootstrap_mean([], seed=0),
        lambda: bootstrap_mean([], [], seed=0),
        lambda: bootstrap_difference([], [], seed=0),
        lambda: wilson(0, 0),
    ],
)
def test_nothing_to_count_is_nan_and_never_zero(nothing: Callable[[], Estimate]) -> None:
    estimate = nothing()
    assert estimate.n == 0
    assert all(isnan(x) for x in (estimate.value, estimate.low, estimate.high))


@pytest.mark.parametrize(("values", "clusters"), [([0.3], None), ([0.1, 0.5], ["p", "p"])])
def test_one_cluster_has_a_value_but_no_interval(values: list[float], clusters: list[str] | None) -> None:
    estimate = bootstrap_mean(values, clusters, seed=0)
    assert estimate.value == pytest.approx(0.3)
    assert all(isnan(x) for x in (estimate.low, estimate.high))


def test_pairing_removes_the_difficulty_of_the_prompts() -> None:
    # b is a less 0.1 on every prompt: unpaired intervals overlap widely, the paired one is a point at 0.1.
    a = np.linspace(0, 1, 30)
    paired = bootstrap_difference(a.tolist(), (a - 0.1).tolist(), seed=0)
    assert (paired.value, paired.low, paired.high, paired.n) == (*[pytest.approx(0.1)] * 3, 30)
    assert bootstrap_mean(a.tolist(), seed=0).low < bootstrap_mean((a - 0.1).tolist(), seed=0).high


def test_a_difference_is_the_mean_of_differences() -> None:
    a, b, prompts = [1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.5], [1, 1, 2, 3]
    differences = [1.0, 0.0, 0.0, 0.5]
    assert bootstrap_difference(a, b, prompts, seed=5) == bootstrap_mean(differences, prompts, seed=5)


# z = 1.95996, z^2 = 3.84146, 1 + z^2/10 = 1.384146.
# 5 of 10: centre 1/2, half = z sqrt(.25/10 + z^2/400) / 1.384146 = 1.95996 x 0.186021 / 1.384146 = 0.26341.
# 0 of 10: high = (z^2/10) / 1.384146 = 0.384146 / 1.384146 = 0.27753; 10 of 10 mirrors it.
# 8 of 10: centre = (0.8 + 0.192073) / 1.384146 = 0.716740,
#          half = 1.95996 x sqrt(0.016 + 0.009604) / 1.384146 = 0.226577.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(5, 10, 0.23659, 0.76341), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (8, 10, 0.49016, 0.94332)],
)
def test_wilson_against_numbers_worked_by_hand(successes: int, n: int, low: float, high: float) -> None:
    estimate = wilson(successes, n)
    assert (estimate.value, estimate.n) == (successes / n, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-5)


def test_a_higher_level_is_a_wider_interval() -> None:
    assert wilson(3, 9, level=0.99).low < wilson(3, 9).low < wilson(3, 9, level=0.5).low


# p = .15, .15, .95, 1.0 with outcomes 0, 1, 1, .5: the second bin has mean p .15 and outcome .5, gap .35 for
# 2 rows; the last has .975 and .75, gap .225 for 2 rows. Over four rows: (2 x .35 + 2 x .225) / 4 = .2875.
# In a single bin: means .5625 and .625, gap .0625.
@pytest.mark.parametrize(
    ("p", "outcomes", "bins", "error"),
    [
        ([0.15, 0.15, 0.95, 1.0], [0, 1, 1, 0.5], 10, 0.2875),
        ([0.15, 0.15, 0.95, 1.0], [0, 1, 1, 0.5], 1, 0.0625),
        ([0.7, 0.7, 0.7, 0.7], [0.9, 0.5, 0.7, 0.7], 10, 0.0),
        ([0.0, 1.0], [1, 0], 10, 1.0),
        (
            [0.29, 0.289],
            [0.29, 0.5],
            100,
            0.1055,
        ),  # 0.29 opens its bin, though 0.29 x 100 < 29 in floating point
    ],
)
def test_calibration_error_worked_by_hand(p: list[float], outcomes: list[float], bins: int, error: float) -> None:
    assert calibration_error(p, outcomes, bins) == pytest.approx(error)


def test_calibration_error_of_no_rows_is_nan() -> None:
    assert isnan(calibration_error([], []))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_mean([1, 2], ["a"], seed=0), "equal lengths, got 2 and 1"),
        (lambda: bootstrap_mean([1, nan], seed=0), "leave unscored rows out"),
        (lambda: bootstrap_mean([1, 2], seed=0, draws=0), "draws must be at least 1"),
        (lambda: bootstrap_mean([1, 2], seed=0, level=95), "level must lie between 0 and 1"),
        (lambda: bootstrap_mean([[1.0], [2.0]], seed=0), "one-dimensional"),  # type: ignore[list-item]
        (lambda: bootstrap_difference([1, 2], [1], seed=0), "equal lengths, got 2 and 1"),
        (lambda: wilson(3, 2), "need 0 <= successes <= n"),
        (lambda: wilson(-1, 2), "need 0 <= successes <= n"),
        (lambda: wilson(1, 2, level=0), "level must lie"),
        (lambda: calibration_error([0.5], [1, 0]), "equal lengths, got 1 and 2"),
        (lambda: calibration_error([1.5], [1]), r"p must lie in \[0, 1\]"),
        (lambda: calibration_error([0.5], [-1]), r"outcomes must lie in \[0, 1\]"),
        (lambda: calibration_error([0.5], [1], bins=0), "bins must be at least 1"),
    ],
)
def test_misuse_is_refused_with_the_numbers_at_fault(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_bootstrap_covers_the_true_mean_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(300):
        values = np.random.default_rng(seed).normal(loc=0.2, size=40).tolist()
        estimate = bootstrap_mean(values, seed=seed, draws=500)
        covered += estimate.low <= 0.2 <= estimate.high
    assert 0.90 <= covered / 300 <= 0.99


def test_clusters_cover_where_rows_claim_too_much() -> None:
    # 30 prompts of 5 responses; half of the variance belongs to the prompt, so rows are far from independent.
    by_prompt = by_row = 0
    prompts = np.repeat(np.arange(30), 5).tolist()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        values = (np.repeat(rng.normal(size=30), 5) + rng.normal(size=150)).tolist()
        clustered = bootstrap_mean(values, prompts, seed=seed, draws=400)
        rows = bootstrap_mean(values, seed=seed, draws=400)
        by_prompt += clustered.low <= 0 <= clustered.high
        by_row += rows.low <= 0 <= rows.high
    assert 0.90 <= by_prompt / 300 <= 0.99
    assert by_row / 300 < 0.85
