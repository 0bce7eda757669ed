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
from dataclasses import dataclass, replace
from math import exp, isfinite, isnan, log1p, nan

import numpy as np

from precepts.evals.accuracy import Choice, accuracy_of
from precepts.evals.ranks import spearman
from precepts.evals.reliability import Point, calibration
from precepts.evals.statistics import Estimate
from precepts.evidence import ScoredComparison
from precepts.odds import sigmoid

SOURCES = ("helpful", "harmless", "ai")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MUCH, MORE = 0.3, 0.15


@dataclass(frozen=True)
class PreferenceFigures:
    """The preference model on held-out comparisons of one source ("helpful" and "harmless" are human, "ai" are AI
    labels). Shares are in [0, 1], of decided comparisons; `over_longer` is accuracy less the baseline's;
    `calibration` is an error in [0, 1] with its curve `reliability`, and `log_loss` in nats, over `calibrated` of them.
    `preferred` and `other` are the scores' quantiles (5, 25, 50, 75, 95 %); `length` and `label_length` Spearman's
    correlations with length."""

    source: str
    comparisons: int
    undecided: int
    even: int
    accuracy: Estimate
    longer: Estimate
    over_longer: Estimate
    calibration: float
    reliability: tuple[Point, ...]
    log_loss: float
    calibrated: int
    preferred: tuple[float, ...]
    other: tuple[float, ...]
    length: Estimate
    label_length: float

    @property
    def likes_length(self) -> bool:
        """Whether its scores follow length beyond what the labels do."""
        labels = 0.0 if isnan(self.label_length) else self.label_length
        return self.length.low > 0 and self.length.value > max(MUCH, labels + MORE)


def preference_figures(comparisons: Sequence[ScoredComparison], seed: int) -> tuple[PreferenceFigures, ...]:
    """Figures for each source: the known ones in order, then others as they come."""
    sources = list(dict.fromkeys([*SOURCES, *(each.source for each in comparisons)]))
    return tuple(_figures(source, [each for each in comparisons if each.source == source], seed) for source in sources)


def _figures(source: str, rows: Sequence[ScoredComparison], seed: int) -> PreferenceFigures:
    finite = [(row, row.score_first - row.score_second) for row in rows]
    finite = [(row, gap) for row, gap in finite if isfinite(gap)]
    labelled = [row for row in rows if row.target != 0.5]
    choices = [Choice(row.prompt_id, gap, row.target > 0.5, _longer(row)) for row, gap in finite if row.target != 0.5]
    found = accuracy_of(choices, seed=seed)
    decided = [row for row, gap in finite if row.target != 0.5 and gap != 0]
    scores = [(row.score_first, row.score_second)[:: 1 if row.target > 0.5 else -1] for row in decided]
    calibrated = calibration([sigmoid(gap) for _, gap in finite], [row.target for row, _ in finite])
    return PreferenceFigures(
        source=source,
        comparisons=len(rows),
        undecided=len(rows) - len(labelled),
        even=len(labelled) - len(decided),
        accuracy=found.accuracy,
        longer=found.longer,
        over_longer=found.over_longer,
        calibration=calibrated.error,
        reliability=calibrated.curve,
        log_loss=_log_loss(finite),
        calibrated=calibrated.n,
        preferred=_quantiles([best for best, _ in scores]),
        other=_quantiles([other for _, other in scores]),
        length=_with_length([gap for _, gap in finite], [row for row, _ in finite], seed),
        label_length=_with_length([row.target - 0.5 for row, _ in finite], [row for row, _ in finite], seed, 0).value,
    )


def _longer(row: ScoredComparison) -> int:
    return len(row.first) - len(row.second)


def _log_loss(rows: Sequence[tuple[ScoredComparison, float]]) -> float:
    """Mean of -[p log s + (1 - p) log(1 - s)], s = sigmoid(gap); worked: gap 1, p 0.7 gives 0.6133."""
    if not rows:
        return nan
    return sum(_softplus(gap) - row.target * gap for row, gap in rows) / len(rows)


def _softplus(x: float) -> float:
    return max(x, 0.0) + log1p(exp(-abs(x)))


def _quantiles(scores: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(each) for each in np.quantile(scores, QUANTILES)) if scores else ()


def _with_length(values: Sequence[float], rows: Sequence[ScoredComparison], seed: int, draws: int = 1000) -> Estimate:
    """Spearman's correlation of `values` with the difference of lengths, each comparison in both orders, so that which
    response stands first carries nothing."""
    lengths = [float(_longer(row)) for row in rows]
    both = [*values, *(-each for each in values)], [*lengths, *(-each for each in lengths)]
    return replace(spearman(*both, [row.prompt_id for row in rows] * 2, seed=seed, draws=draws), n=len(rows))
