"""Do two figures rise together? Spearman's rank correlation, with a bootstrap over prompts.

1. Ranks bear no unit and no outlier: the correlation asks whether more of the one goes with more of the other. Equal
   values share their mean rank.
2. Whole prompts are drawn anew and ranked anew in each draw; a draw in which either figure is constant says nothing
   and is left out. Under ten prompts there is no interval: so few can fall into line by chance.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import nan

import numpy as np
import numpy.typing as npt

from precepts.evals.statistics import Estimate, Floats

FEW = 10  # prompts
Places = npt.NDArray[np.intp]


def spearman(
    x: Sequence[float], y: Sequence[float], clusters: Sequence[Hashable], *, seed: int, draws: int = 1000
) -> Estimate:
    """Spearman's correlation in [-1, 1] of `x` (n,) and `y` (n,) with a 95 % interval; `clusters` (n,) names the
    prompt behind each row. nan where either is constant or nothing is there; without draws both ends are.

    Raises ValueError for unequal lengths. Worked: 1, 2, 3, 4 against 1, 3, 2, 4 give 1 - 6 * 2 / (4 * 15) = 0.8.
    """
    if not len(x) == len(y) == len(clusters):
        raise ValueError(f"x, y and clusters need equal lengths, got {len(x)}, {len(y)} and {len(clusters)}")
    places = [np.unique(np.asarray(each, dtype=np.float64), return_inverse=True)[1] for each in (x, y)]
    once = np.ones(len(x))
    value = _correlation(places[0], places[1], once)
    index_of = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    cluster_of = np.array([index_of[cluster] for cluster in clusters], dtype=np.intp)
    low, high = _interval(places, cluster_of, seed, draws)
    return Estimate(value, low, high, len(x))


def _interval(places: Sequence[Places], cluster_of: Places, seed: int, draws: int) -> tuple[float, float]:
    count, rng = int(cluster_of.max(initial=-1)) + 1, np.random.default_rng(seed)
    if count < FEW:
        return nan, nan
    drawn = (np.bincount(rng.integers(0, count, count), minlength=count)[cluster_of] for _ in range(draws))
    found = np.array([_correlation(places[0], places[1], times.astype(np.float64)) for times in drawn])
    found = found[~np.isnan(found)]
    if not found.size:
        return nan, nan
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _correlation(x: Places, y: Places, times: Floats) -> float:
    """Spearman's correlation of rows that count `times`; `x` and `y` number each row's value in ascending order."""
    total = times.sum()
    if not total:
        return nan
    a, b = (_ranks(each, times) for each in (x, y))
    a, b = a - (a * times).sum() / total, b - (b * times).sum() / total
    spread = float(np.sqrt((a * a * times).sum() * (b * b * times).sum()))
    return float(np.clip((a * b * times).sum() / spread, -1, 1)) if spread > 1e-12 else nan


def _ranks(places: Places, times: Floats) -> Floats:
    """The mean rank of each row's value where rows count `times`."""
    counts = np.bincount(places, weights=times)
    ranks: Floats = np.cumsum(counts) - (counts - 1) / 2
    return ranks[places]
