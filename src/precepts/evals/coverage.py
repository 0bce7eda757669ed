"""Which principles have anything to say about which prompts, from how much each moves the preference.

1. `effect[p][c]` is the label of comparison c under principle p alone, less its label under a request that only asks
   to choose: how far this principle moves the preference, in probability, with its sign.
2. A principle speaks to a prompt where it moves the label by at least `least`, and at all. One that speaks to no prompt
   never decides; a prompt that no principle speaks to is one that the constitution is silent about. Both are what went
   wrong in collected constitutions (Anthropic 2023).
3. Two principles are twins where their effects go together (Pearson's correlation of at least `TWIN`): one of them is
   enough on such prompts, or the feedback model cannot tell them apart. They are opposites where one undoes what the
   other does (a correlation of at most `-TWIN`).
Departs from the paper, which draws principles at random and never asks what each does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from precepts.evals.statistics import Estimate, wilson

TWIN = 0.95
LEAST = 0.05  # probability
_NOTHING = 1e-6  # an effect that is none, whatever `least` is


@dataclass(frozen=True)
class Coverage:
    """`effects` (principles, comparisons), nan where there is no label; `moved` the share of comparisons each principle
    speaks to, `mean` its mean absolute effect; `idle` principles that never decide and `silent` comparisons, by index;
    `twins` and `opposites` (first, second, correlation), the strongest first; `unscored` labels."""

    effects: np.ndarray
    least: float
    moved: tuple[Estimate, ...]
    mean: tuple[float, ...]
    idle: tuple[int, ...]
    silent: tuple[int, ...]
    twins: tuple[tuple[int, int, float], ...]
    opposites: tuple[tuple[int, int, float], ...]
    unscored: int


def coverage(
    labels: Sequence[Sequence[float | None]], neutral: Sequence[float | None], least: float = LEAST
) -> Coverage:
    """`labels` [p][c]: the label of comparison c under principle p; `neutral` [c]: without a principle.

    >>> found = coverage([[0.9, 0.5], [0.5, 0.5]], [0.5, 0.5])
    >>> found.idle, found.silent
    ((1,), (1,))
    """
    rows = np.array([[np.nan if p is None else p for p in row] for row in labels], dtype=float)
    effects = rows - np.array([np.nan if p is None else p for p in neutral], dtype=float)
    there, size = ~np.isnan(effects), np.abs(np.nan_to_num(effects))
    speaks = (size >= least) & (size > _NOTHING)
    together = list(_correlations(effects))
    return Coverage(
        effects=effects,
        least=least,
        moved=tuple(wilson(int(one.sum()), int(other.sum())) for one, other in zip(speaks, there, strict=True)),
        mean=tuple(
            float(np.abs(row[seen]).mean()) if seen.any() else 0.0 for row, seen in zip(effects, there, strict=True)
        ),
        idle=tuple(int(p) for p in np.flatnonzero(~speaks.any(axis=1))),
        silent=tuple(int(c) for c in np.flatnonzero(~speaks.any(axis=0))),
        twins=tuple(sorted((each for each in together if each[2] >= TWIN), key=lambda each: -each[2])),
        opposites=tuple(sorted((each for each in together if each[2] <= -TWIN), key=lambda each: each[2])),
        unscored=int((~there).sum()),
    )


def _correlations(effects: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """(first, second, correlation) of every two principles whose effects have one."""
    for one, other in combinations(range(len(effects)), 2):
        both = ~np.isnan(effects[one]) & ~np.isnan(effects[other])
        first, second = effects[one][both], effects[other][both]
        if len(first) >= 3 and first.std() >= 1e-9 and second.std() >= 1e-9:
            yield one, other, float(np.corrcoef(first, second)[0, 1])
