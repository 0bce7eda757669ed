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

import numpy as np
import numpy.typing as npt

from precepts.evals.statistics import Estimate, Floats, bin_index, calibration_error, wilson

BINS = 10


@dataclass(frozen=True)
class Point:
    """A bin that holds any: the mean probability `said`, and how often it came `true`, which counts comparisons."""

    said: float
    true: Estimate


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error in [0, 1] (nan with n = 0) and its curve, over `n` comparisons."""

    error: float
    curve: tuple[Point, ...]
    n: int


def calibration(p: Sequence[float], outcomes: Sequence[float]) -> Calibration:
    """How far the probabilities `p` (n,) that the first response is better are from `outcomes` (n,), both in [0, 1].

    Raises ValueError for unequal lengths or a number outside [0, 1]. Worked: 0.8 said of three, true of two of them,
    makes points (0.8, 2/3) and (0.2, 1/3) and an error of 0.133.
    """
    both, came = _both(p), _both(outcomes)
    error = calibration_error(both.tolist(), came.tolist(), BINS)
    places = bin_index(both, BINS)
    return Calibration(error, tuple(_point(both, came, places == each) for each in np.unique(places)), len(p))


def _both(values: Sequence[float]) -> Floats:
    """(2n,): each value, then one less each value."""
    array = np.asarray(values, dtype=np.float64)
    return np.concatenate([array, 1 - array])


def _point(p: Floats, outcomes: Floats, inside: npt.NDArray[np.bool_]) -> Point:
    """The point of the rows (2n,) that are `inside`."""
    half = len(p) // 2
    comparisons = int((inside[:half] | inside[half:]).sum())
    share = float(outcomes[inside].mean())
    return Point(float(p[inside].mean()), wilson(min(share * comparisons, comparisons), comparisons))
