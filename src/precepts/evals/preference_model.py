"""What a preference model is worth, on held-out comparisons, by where their labels come from.

1. It is right about a comparison if its scores order the responses as the label does. Labels of exactly 0.5 and equal
   scores decide nothing: left out and counted. Beside it stands the baseline that prefers the longer answer (in
   characters), on the same comparisons.
2. **Calibration** takes each comparison in both orders. In human comparisons the first response is always the chosen
   one, so one order alone would reward a model for liking whatever comes first. `log_loss` is the mean cross-entropy
   of sigmoid(score difference) against the label: log 2 = 0.693 nats for a model that knows nothing.
3. **Length**: Spearman's correlation of the score difference with the difference of lengths. The labels have one too
   (people like longer answers); a model is said to like length where its own is clear of 0 and above the labels' by
   `MORE`, or above `MUCH` where labels have none.
4. Comparisons without finite scores are left out and counted.

Departs from the paper, which gives accuracy (fig. 4) and calibration of labels (fig. 9) without intervals or baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log1p, nan, tanh

import numpy as np

from precepts.evals.shares import share, share_difference
from precepts.evals.statistics import Estimate, calibration_error
from precepts.odds import sigmoid
from precepts.records import ScoredComparison

SOURCES = ("helpful", "harmless", "ai")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MUCH, MORE = 0.3, 0.15
_DRAWS = 1000


@dataclass(frozen=True)
class PreferenceFigures:
    """The preference model on held-out comparisons of one source ("helpful" and "harmless" are human, "ai" are AI
    labels). Shares are in [0, 1], of decided comparisons; `over_longer` is accuracy less the baseline's;
    `calibration` is an error in [0, 1] and `log_loss` in nats over `calibrated` of them. `preferred` and `other` are
    the scores' quantiles (5, 25, 50, 75, 95 %); `length` and `label_length` Spearman's correlations with length."""

    source: str
    comparisons: int
    undecided: int
    even: int
    accuracy: Estimate
    longer: Estimate
    over_longer: Estimate
    calibration: float
    log_loss: float
    calibrated: int
    preferred: tuple[float, ...]
    other: tuple[float, ...]
    length: Estimate
    label_length: float

    @property
    def likes_length(self) -> bool:
        """Whether its scores follow length beyond what the labels do."""
        labels = 0.0 if self.label_length != self.label_length else self.label_length
        return self.length.low > 0 and self.length.value > max(MUCH, labels + MORE)


def preference_figures(comparisons: Sequence[ScoredComparison], seed: int) -> tuple[PreferenceFigures, ...]:
    """Figures for each source: the known ones in order, then others as they come."""
    sources = list(dict.fromkeys([*SOURCES, *(each.source for each in comparisons)]))
    return tuple(_figures(source, [each for each in comparisons if each.source == source], seed) for source in sources)


def _figures(source: str, rows: Sequence[ScoredComparison], seed: int) -> PreferenceFigures:
    finite = [(row, row.score_first - row.score_second) for row in rows]
    finite = [(row, gap) for row, gap in finite if isfinite(gap)]
    labelled = [row for row in rows if row.target != 0.5]
    decided = [(row, gap) for row, gap in finite if row.target != 0.5 and gap != 0]
    apart = [(row, gap) for row, gap in decided if len(row.first) != len(row.second)]  # the baseline decides too
    right = [_as_labelled(row, gap) for row, gap in decided]
    longer = [_as_labelled(row, _longer_by(row)) for row, _ in apart]
    prompts, prompts_apart = [row.prompt_id for row, _ in decided], [row.prompt_id for row, _ in apart]
    scores = [(row.score_first, row.score_second) for row, _ in decided]
    pairs = [pair if row.target > 0.5 else pair[::-1] for (row, _), pair in zip(decided, scores, strict=True)]
    return PreferenceFigures(
        source=source,
        comparisons=len(rows),
        undecided=len(rows) - len(labelled),
        even=len(labelled) - len(decided),
        accuracy=share(right, prompts, seed=seed),
        longer=share(longer, prompts_apart, seed=seed),
        over_longer=share_difference([_as_labelled(row, gap) for row, gap in apart], longer, prompts_apart, seed=seed),
        calibration=_calibration(finite),
        log_loss=_log_loss(finite),
        calibrated=len(finite),
        preferred=_quantiles([best for best, _ in pairs]),
        other=_quantiles([other for _, other in pairs]),
        length=_correlation([gap for _, gap in finite], [row for row, _ in finite], seed),
        label_length=_spearman(*_both_ways([row.target - 0.5 for row, _ in finite], [row for row, _ in finite])),
    )


def _as_labelled(row: ScoredComparison, gap: float) -> bool:
    return (gap > 0) == (row.target > 0.5)


def _longer_by(row: ScoredComparison) -> int:
    return len(row.first) - len(row.second)


def _calibration(rows: Sequence[tuple[ScoredComparison, float]]) -> float:
    odds = [0.5 + tanh(gap / 2) / 2 for _, gap in rows]  # the sigmoid of the gap, without overflow
    targets = [row.target for row, _ in rows]
    return calibration_error([*odds, *(1 - p for p in odds)], [*targets, *(1 - target for target in targets)])


def _log_loss(rows: Sequence[tuple[ScoredComparison, float]]) -> float:
    """Mean of -[p log s + (1 - p) log(1 - s)], s = sigmoid(gap); worked: gap 1, p 0.7 gives 0.6133."""
    if not rows:
        return nan
    return sum(_softplus(gap) - row.target * gap for row, gap in rows) / len(rows)


def _softplus(x: float) -> float:
    return max(x, 0.0) + log1p(sigmoid(-abs(x)) / sigmoid(abs(x)))


def _quantiles(scores: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(each) for each in np.quantile(scores, QUANTILES)) if scores else ()


def _both_ways(values: Sequence[float], rows: Sequence[ScoredComparison]) -> tuple[list[float], list[float]]:
    """Each comparison in both orders, so that which response stands first carries nothing."""
    lengths = [float(_longer_by(row)) for row in rows]
    return [*values, *(-each for each in values)], [*lengths, *(-each for each in lengths)]


def _spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation, ties at their mean rank; nan where either does not vary."""
    first, second = _ranks(one), _ranks(other)
    if first.size < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return nan
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray:
    _, inverse, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: np.ndarray = (ends - (counts - 1) / 2)[inverse]
    return means


def _correlation(gaps: Sequence[float], rows: Sequence[ScoredComparison], seed: int) -> Estimate:
    """Spearman's correlation of score and length differences, with an interval from resampled prompts."""
    value = _spearman(*_both_ways(gaps, rows))
    places: dict[str, list[int]] = {}
    for n, row in enumerate(rows):
        places.setdefault(row.prompt_id, []).append(n)
    clusters, rng = list(places.values()), np.random.default_rng(seed)
    if len(clusters) < 2 or value != value:
        return Estimate(value, nan, nan, len(rows))
    found = []
    for _ in range(_DRAWS):
        drawn = [n for each in rng.integers(0, len(clusters), len(clusters)) for n in clusters[each]]
        found.append(_spearman(*_both_ways([gaps[n] for n in drawn], [rows[n] for n in drawn])))
    low, high = np.nanquantile(found, (0.025, 0.975))
    return Estimate(value, float(low), float(high), len(rows))
