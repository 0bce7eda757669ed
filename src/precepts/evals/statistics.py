"""Uncertainty for reported numbers: bootstrap intervals, Wilson intervals, calibration error.

1. Every number that is reported is an `Estimate`: a value, an interval and a count. With nothing to count
   the value and both ends are nan, never an invented zero; with a single cluster the value stands and the
   ends are nan, since one cluster tells nothing about how clusters differ.
2. A mean's interval is the bootstrap's with bias and acceleration corrected (Efron 1987), its tails widened as
   Student's t is wider than the normal (Hesterberg 2015): plain percentiles hold too little of a skewed mean of few.
3. Several responses to one prompt are not independent. `bootstrap_mean` resamples whole clusters (prompts)
   where they are given; clusters of unequal size weigh by their rows (a ratio of sums), so the value is the
   plain mean of rows.
4. Two models judged on the same prompts are compared by their paired differences, which takes the prompts'
   own difficulty out of the interval.
5. Proportions get Wilson's interval: unlike the normal approximation it keeps width at 0 % and 100 %.
6. Unscored rows are data with a reason: the caller leaves them out and counts them. A nan handed in here is
   an error.

Departs from the paper, which prints Elo and accuracy without intervals (Bai et al. 2022, figs. 2-4);
`calibration_error` puts one number on the reliability curve of its fig. 9.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Floats = npt.NDArray[np.float64]

_CELLS = 2**22  # indices drawn at once: 32 MiB, whatever the number of draws


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, in the unit of what was averaged; `n` counts rows, not clusters."""

    value: float
    low: float
    high: float
    n: int


def bootstrap_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int,
    draws: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Mean of `values` (n,) with a bootstrap interval that covers `level`.

    `clusters` (n,) names the prompt behind each row; whole clusters are then resampled instead of rows. The
    same arguments and seed give the same interval. No values: all nan; one cluster: both ends nan.

    Raises ValueError for a value that is not finite, clusters of another length, draws < 1, or a level
    outside (0, 1).
    """
    rows = _floats("values", values)
    _check_interval(draws, level)
    sums, counts = _cluster_totals(rows, clusters)
    if rows.size == 0:
        return Estimate(nan, nan, nan, 0)
    if sums.size == 1:
        return Estimate(float(rows.mean()), nan, nan, rows.size)
    means, mean = _resampled_means(sums, counts, seed, draws), float(rows.mean())
    low, high = np.quantile(means, _tails(means, mean, sums - counts * mean, level))
    return Estimate(mean, float(low), float(high), rows.size)


def bootstrap_difference(
    a: Sequence[float],
    b: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int,
    draws: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Mean of a - b, paired: `a` (n,) and `b` (n,) score the same prompts in the same order.

    Otherwise as `bootstrap_mean`. An interval clear of zero says that the models differ on prompts like
    these.

    Raises ValueError as `bootstrap_mean` does, and where the lengths differ.
    """
    first, second = _floats("a", a), _floats("b", b)
    if first.size != second.size:
        raise ValueError(f"paired scores need equal lengths, got {first.size} and {second.size}")
    differences = (first - second).tolist()
    return bootstrap_mean(differences, clusters, seed=seed, draws=draws, level=level)


def wilson(successes: float, n: int, level: float = 0.95) -> Estimate:
    """Proportion successes / n in [0, 1] with Wilson's score interval; n = 0 gives nan throughout. `successes` may be
    a fraction where outcomes are soft, which vary less than hard ones: the interval is then too wide, never too narrow.

    Raises ValueError unless 0 <= successes <= n and 0 < level < 1.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"need 0 <= successes <= n, got {successes} of {n}")
    _check_interval(1, level)
    if n == 0:
        return Estimate(nan, nan, nan, 0)
    z, p = NormalDist().inv_cdf((1 + level) / 2), successes / n
    shrink = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink
    low = 0.0 if successes == 0 else centre - half  # exact in algebra, not in floating point
    high = 1.0 if successes == n else centre + half
    return Estimate(p, low, high, n)


def calibration_error(p: Sequence[float], outcomes: Sequence[float], bins: int = 10) -> float:
    """Expected calibration error in [0, 1]: |mean p - mean outcome| of each bin, averaged over rows (fig. 9).

    `p` (n,) are probabilities, `outcomes` (n,) what happened, both in [0, 1]; soft outcomes are allowed. The
    bins are equally wide and closed below, the last also above. No rows: nan.

    Raises ValueError for unequal lengths, a number outside [0, 1], or bins < 1.
    """
    predicted, actual = _unit("p", p), _unit("outcomes", outcomes)
    if predicted.size != actual.size:
        raise ValueError(f"p and outcomes need equal lengths, got {predicted.size} and {actual.size}")
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    if predicted.size == 0:
        return nan
    gaps = np.bincount(bin_index(predicted, bins), weights=predicted - actual, minlength=bins)
    return float(np.abs(gaps).sum() / predicted.size)


def bin_index(p: Floats, bins: int) -> npt.NDArray[np.intp]:
    """The bin (n,) from 0 of each probability of `p` (n,); bins are closed below, the last also above.

    >>> bin_index(np.array([0.0, 0.1, 1.0]), 10).tolist()
    [0, 1, 9]
    """
    return np.searchsorted(np.arange(1, bins) / bins, p, side="right")


def _floats(name: str, values: Sequence[float]) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite: leave unscored rows out and count them")
    return array


def _unit(name: str, values: Sequence[float]) -> Floats:
    array = _floats(name, values)
    if ((array < 0) | (array > 1)).any():
        raise ValueError(f"{name} must lie in [0, 1]")
    return array


def _check_interval(draws: int, level: float) -> None:
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


def _cluster_totals(rows: Floats, clusters: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """Sum and row count of each cluster in the order of first sight; without clusters, of each row."""
    if clusters is None:
        return rows, np.ones_like(rows)
    if len(clusters) != rows.size:
        raise ValueError(f"values and clusters need equal lengths, got {rows.size} and {len(clusters)}")
    index_of = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    cluster_of = np.array([index_of[cluster] for cluster in clusters], dtype=np.intp)
    sums = np.bincount(cluster_of, weights=rows, minlength=len(index_of))
    counts = np.bincount(cluster_of, minlength=len(index_of))
    return sums.astype(np.float64), counts.astype(np.float64)


def _tails(means: Floats, mean: float, influence: Floats, level: float) -> tuple[float, float]:
    """Which quantiles of the resampled `means` (draws,) an interval ends at; `influence` (k,) is how far each cluster
    draws the mean."""
    normal, k = NormalDist(), influence.size
    edge = sqrt(k / (k - 1)) * float(stdtrit(k - 1, (1 - level) / 2))
    below = (np.count_nonzero(means < mean) + np.count_nonzero(means == mean) / 2) / means.size
    bias = normal.inv_cdf(min(max(below, 1 / (2 * means.size)), 1 - 1 / (2 * means.size)))
    spread = float((influence**2).sum())
    acceleration = float((influence**3).sum()) / (6 * spread**1.5) if spread else 0.0

    def tail(z: float) -> float:
        return normal.cdf(bias + (bias + z) / max(1 - acceleration * (bias + z), 1e-9))

    return tail(edge), tail(-edge)


def _resampled_means(sums: Floats, counts: Floats, seed: int, draws: int) -> Floats:
    """(draws,) ratios of sums over clusters drawn with replacement, a bounded number of indices at a time."""
    rng, k = np.random.default_rng(seed), sums.size
    step = max(1, _CELLS // k)
    means = np.empty(draws)
    for start in range(0, draws, step):
        stop = min(start + step, draws)
        drawn = rng.integers(0, k, size=(stop - start, k))
        means[start:stop] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means
