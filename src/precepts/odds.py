"""Log-odds, expected marks, and the probability that the readings of one comparison give together (paper section 4.1).

1. Log-odds are natural logarithms: 0 is even, log 3 three to one. Certainty is held at 40 nats.
2. `prior` is what a feedback model gives the first place whatever stands there; it is taken off each reading, with its
   sign turned where the order was swapped. Then `temperature` divides.
3. The two orders of one principle are averaged as probabilities; where one has no answer the other alone would be
   biased, so there is none. Principles are averaged by their weights; those without an answer are left out.
How it departs from the paper: it asks one order and corrects nothing; both orders are after Lee et al. 2023.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from precepts.records import Reading

CERTAIN = 40.0  # nats
MARKS = tuple(f" {mark}" for mark in range(5))


@dataclass(frozen=True, slots=True)
class Rules:
    """How readings become a label. `principles` are asked about each comparison, `abstain` is the largest difference
    between two orders' probabilities that still counts (None: any), `prior` in nats, `temperature` above 0."""

    both_orders: bool = True
    principles: int = 1
    abstain: float | None = None
    prior: float = 0.0
    temperature: float = 1.0


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x) without overflow.

    >>> sigmoid(0.0)
    0.5
    """
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_odds(p: float) -> float:
    """Natural log-odds of `p` in [0, 1], certainty held at 40 nats.

    >>> round(log_odds(0.6), 4)
    0.4055
    """
    return -CERTAIN if p <= 0 else CERTAIN if p >= 1 else math.log(p / (1 - p))


def odds_of_first(logprobs: Sequence[float]) -> float | None:
    """The log-odds of the first of two answers from their log-probabilities; None where they say nothing (nan, or
    both impossible).

    >>> odds_of_first([-1.0, -2.5])
    1.5
    """
    gap = logprobs[0] - logprobs[1]
    return None if math.isnan(gap) else max(-CERTAIN, min(CERTAIN, gap))


def expected_mark(logprobs: Sequence[float]) -> float | None:
    """The expected mark in [0, 4] from the marks' log-probabilities (5,), normalised; None where they say nothing.

    >>> round(expected_mark([math.log(p) for p in (0.1, 0.1, 0.2, 0.2, 0.4)]) or 0, 4)
    2.7
    """
    top = max(logprobs)
    if any(map(math.isnan, logprobs)) or math.isinf(top):
        return None
    weights = [math.exp(each - top) for each in logprobs]
    return sum(mark * weight for mark, weight in enumerate(weights)) / sum(weights)


def combine(readings: Iterable[Reading], rules: Rules) -> tuple[float | None, str | None]:
    """(p_first, None) or (None, reason) from the readings of one comparison, those of one principle together.

    Worked: log-odds log 3 in both orders give 0.75; log 3 and -log 3 (the same place twice) give 0.5, or
    "orders_disagree" with `abstain` below 0.5.
    """
    total = weight = 0.0
    reasons: list[str] = []
    for _, group in groupby(readings, key=lambda reading: reading.principle_id):
        same = list(group)
        p, why = _of_principle(same, rules)
        if p is None:
            reasons.append(why or "no_answer")
        else:
            total, weight = total + p * same[0].weight, weight + same[0].weight
    return (total / weight, None) if weight else (None, reasons[0] if reasons else "no_answer")


def _of_principle(readings: Sequence[Reading], rules: Rules) -> tuple[float | None, str | None]:
    found = []
    for reading in readings:
        if reading.log_odds is None:
            return None, reading.unscored
        found.append(probability(reading, rules))
    if rules.abstain is not None and max(found) - min(found) > rules.abstain:
        return None, "orders_disagree"
    return sum(found) / len(found), None


def probability(reading: Reading, rules: Rules) -> float:
    """The probability in [0, 1] that one reading gives the comparison's first response, corrected and tempered.

    Raises ValueError for a reading without log-odds."""
    if reading.log_odds is None:
        raise ValueError(f"a reading without log-odds ({reading.unscored}) has no probability")
    prior = {"first": rules.prior, "swapped": -rules.prior}.get(reading.order, 0.0)
    return sigmoid((reading.log_odds - prior) / rules.temperature)
