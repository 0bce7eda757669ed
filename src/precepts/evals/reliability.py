"""Do probabilities mean what they say? The reliability curve and its error, each comparison taken in both orders.

1. A comparison comes in twice: as (p, outcome) of its first response and as (1 - p, 1 - outcome) of its second. Which
   response stands first is then no information; in some sets the preferred one always does.
2. Ten bins, equally wide and closed below. A bin tells its mean probability and the share of outcomes; the error is
   their distance, averaged over rows.
3. A bin's interval counts its comparisons, not its rows: p = 0.5 puts both rows of a comparison into one bin.

The paper draws the curve (Bai et al. 2022, figure 9), without intervals and without the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from precepts.evals.statistics import Estimate, Floats, bin_index, calibration_error, wilson

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Probabilities from `low` to `high`: their mean `p` and the share `observed`, nan where there are none; `rows`
    counts both orders, `observed.n` comparisons."""

    low: float
    high: float
    p: float
    observed: Estimate
    rows: int


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error in [0, 1] (nan with n = 0) and its curve, over `n` comparisons."""

    error: float
    bins: tuple[Bin, ...]
    n: int


def calibration(p: Sequence[float], outcomes: Sequence[float]) -> Calibration:
    """How far the probabilities `p` (n,) that the first response is better are from `outcomes` (n,), both in [0, 1].

    Raises ValueError for unequal lengths or a number outside [0, 1].
    """
    both, came = _both(p), _both(outcomes)
    error = calibration_error(both.tolist(), came.tolist(), BINS)
    places = bin_index(both, BINS)
    return Calibration(error, tuple(_bin(place, both, came, places == place) for place in range(BINS)), len(p))


def _both(values: Sequence[float]) -> Floats:
    """(2n,): each value, then one less each value."""
    array = np.asarray(values, dtype=np.float64)
    return np.concatenate([array, 1 - array])


def _bin(place: int, p: Floats, outcomes: Floats, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Bin:
    rows, half = int(inside.sum()), len(p) // 2
    comparisons = int((inside[:half] | inside[half:]).sum())
    mean, share = (float(each[inside].mean()) if rows else nan for each in (p, outcomes))
    observed = wilson(share * comparisons if rows else 0, comparisons)
    return Bin(place / BINS, (place + 1) / BINS, mean, observed, rows)
