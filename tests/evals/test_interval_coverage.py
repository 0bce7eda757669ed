"""95 % intervals hold the truth in 93 to 97 % of simulated experiments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from precepts.evals.shares import share, share_difference
from precepts.evals.statistics import Estimate, bootstrap_mean, wilson


def wilsons(rng: np.random.Generator) -> tuple[Estimate, float]:
    p, n = rng.uniform(0.1, 0.9), int(rng.integers(30, 150))
    return wilson(int(rng.binomial(n, p)), n), float(p)


def newcombes(rng: np.random.Generator) -> tuple[Estimate, float]:
    """Two shares of 0.6 and 0.4 on 50 prompts, half of which decide both alike."""
    one = rng.random(50)
    other = np.where(rng.random(50) < 0.5, one, rng.random(50))
    return share_difference((one < 0.6).tolist(), (other < 0.4).tolist(), range(50), seed=0), 0.2


def clustered(rng: np.random.Generator) -> tuple[Estimate, float]:
    """Three answers to each of 40 prompts, which differ in how often they are refused."""
    hits = rng.random((40, 3)) < rng.beta(2, 2, 40)[:, None]
    return share(hits.ravel().tolist(), np.repeat(np.arange(40), 3).tolist(), seed=int(rng.integers(2**31))), 0.5


def means(rng: np.random.Generator) -> tuple[Estimate, float]:
    values = rng.normal(0.2, 1.0, 100).tolist()
    return bootstrap_mean(values, seed=int(rng.integers(2**31)), draws=1000), 0.2


def few(rng: np.random.Generator) -> tuple[Estimate, float]:
    values = rng.normal(0.2, 1.0, 20).tolist()
    return bootstrap_mean(values, seed=int(rng.integers(2**31)), draws=1000), 0.2


def skewed(rng: np.random.Generator) -> tuple[Estimate, float]:
    """Means of 20 waiting times, most short and a few long, as lengths of answers are."""
    return bootstrap_mean(rng.exponential(1.0, 20).tolist(), seed=int(rng.integers(2**31)), draws=1000), 1.0


def covered(make: Callable[[np.random.Generator], tuple[Estimate, float]], times: int) -> float:
    found = (make(np.random.default_rng([11, n])) for n in range(times))
    return sum(estimate.low <= truth <= estimate.high for estimate, truth in found) / times


@pytest.mark.parametrize(
    ("make", "times"),
    [(wilsons, 4000), (newcombes, 4000), (clustered, 1500), (means, 2000), (few, 3000), (skewed, 3000)],
)
def test_an_interval_holds_what_it_says(
    make: Callable[[np.random.Generator], tuple[Estimate, float]], times: int
) -> None:
    assert 0.93 <= covered(make, times) <= 0.97
