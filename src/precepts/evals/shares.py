"""Shares of yes or no, and how two of them differ on the same prompts, with intervals that stay honest when few.

1. A share of independent rows has Wilson's interval. Where prompts come back, whole prompts are resampled; if every
   row has the same outcome, resampling would give an interval of no width, so Wilson's of the prompts stands in.
2. Two shares of the same prompts differ by Newcombe's paired interval (1998, method 10): Wilson's limits of both,
   joined by how their outcomes go together. It keeps width where the bootstrap has none (all prompts changed alike,
   or none did), so three prompts never look like proof. Where prompts come back, whole prompts are resampled; if all
   rows changed alike, Newcombe's of one row to each prompt stands in.

Departs from the paper, which gives no intervals.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from math import sqrt

from precepts.evals.statistics import Estimate, bootstrap_difference, bootstrap_mean, wilson


def share(hits: Sequence[bool], clusters: Sequence[Hashable], *, seed: int) -> Estimate:
    """The share of `hits` (n,) in [0, 1] with a 95 % interval; `clusters` (n,) names the prompt behind each row.

    Raises ValueError for clusters of another length. No rows: nan, n = 0.
    """
    if len(clusters) != len(hits):
        raise ValueError(f"hits and clusters need equal lengths, got {len(hits)} and {len(clusters)}")
    prompts = len(set(clusters))
    if prompts == len(hits):
        return wilson(sum(hits), len(hits))
    if len(set(hits)) == 1:
        return replace(wilson(prompts if hits[0] else 0, prompts), n=len(hits))
    return bootstrap_mean([float(hit) for hit in hits], clusters, seed=seed)


def share_difference(a: Sequence[bool], b: Sequence[bool], clusters: Sequence[Hashable], *, seed: int) -> Estimate:
    """Share of `a` (n,) less share of `b` (n,), in [-1, 1], paired row by row, with a 95 % interval.

    Raises ValueError for unequal lengths. No rows: nan, n = 0.
    """
    if not len(a) == len(b) == len(clusters):
        raise ValueError(f"paired rows need equal lengths, got {len(a)}, {len(b)} and {len(clusters)}")
    if len(set(clusters)) == len(a):
        return _newcombe(a, b)
    if len({(x, y) for x, y in zip(a, b, strict=True)}) == 1:
        prompts = len(set(clusters))
        return replace(_newcombe([a[0]] * prompts, [b[0]] * prompts), n=len(a))
    return bootstrap_difference([float(x) for x in a], [float(x) for x in b], clusters, seed=seed)


def _newcombe(a: Sequence[bool], b: Sequence[bool]) -> Estimate:
    first, second = wilson(sum(a), len(a)), wilson(sum(b), len(b))
    together = _correlation(a, b)
    difference = first.value - second.value
    down = _joined(first.value - first.low, second.high - second.value, together)
    up = _joined(first.high - first.value, second.value - second.low, together)
    return Estimate(difference, difference - down, difference + up, len(a))


def _joined(one: float, other: float, together: float) -> float:
    return sqrt(max(0.0, one * one - 2 * together * one * other + other * other))


def _correlation(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Phi of the two outcomes; a positive one is taken smaller by Newcombe's correction for few pairs."""
    both = sum(x and y for x, y in zip(a, b, strict=True))
    only_a, only_b = sum(a) - both, sum(b) - both
    neither = len(a) - both - only_a - only_b
    margins = sum(a) * (len(a) - sum(a)) * sum(b) * (len(b) - sum(b))
    cross = float(both * neither - only_a * only_b)
    if cross > 0:
        cross = max(0.0, cross - len(a) / 2)
    return cross / sqrt(margins) if margins else 0.0
