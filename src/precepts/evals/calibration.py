"""Taking a feedback model's habits off its labels: a prior for places, and a temperature for its certainty.

1. **Prior**, in nats: what the model gives the first place whatever stands there. Of one principle's answers to one
   comparison, the log-odds of the first place are averaged over both orders: what favours a response is added in one
   order and taken away in the other, so it falls out exactly, and no human label is needed. Principles are averaged by
   their weights, comparisons count alike. Where one order alone was asked, merit falls out only on the average, since
   which response stands first is by hash. A principle one of whose orders has no answer is left out. A labeler whose
   answers know no place has prior 0.
2. **Temperature**: what divides the log-odds, so that the mean negative log-likelihood of the human's choice is least.
   Above 1 the model is surer than it is right; at the upper end it knows nothing. It is found on a coarse grid of log T
   and then by golden section. Labels are those that `odds.combine` gives; none abstains, or a temperature could win by
   leaving comparisons out.
3. `calibrated_error` fits on one half of the prompts and looks at the other, both ways, so that its figure is not made
   on the labels it is tried on.

How it departs from the paper: it corrects nothing but by clamping (section 4.1). Temperature scaling: Guo et al. 2017;
a prior taken off by the model's own answers: Zhao et al. 2021, there with empty questions in place of turned ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from math import exp, log, nan
from typing import Literal

import numpy as np
import numpy.typing as npt

from precepts.evals.labels import by_principle
from precepts.evals.reliability import calibration
from precepts.evals.statistics import Floats
from precepts.identity import fraction_of
from precepts.odds import CERTAIN, Rules, combine
from precepts.records import AIPreference, Reading

LEAST, MOST = 0.05, 1000.0  # temperatures
_GRID, _STEPS = 41, 45
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Fitted:
    """A prior in nats and a temperature, fitted on `n` comparisons; the mean negative log-likelihood of the human's
    choice, in nats, under the rules before and after."""

    prior: float
    temperature: float
    nll_before: float
    nll_after: float
    n: int


@dataclass(frozen=True)
class _Terms:
    """Readings that count, as columns (k,): which comparison of `n`, log-odds of the human's choice, +1 or -1 where
    the prior speaks for it or against it (0: no order), and the reading's part of the label."""

    owner: npt.NDArray[np.intp]
    odds: Floats
    place: Floats
    weight: Floats
    n: int


def fit(labels: Iterable[AIPreference], rules: Rules, what: Literal["prior", "temperature"]) -> Fitted:
    """The prior of `labels`, and with "temperature" the temperature too; else that of `rules` stays.

    Raises ValueError where no comparison with a human label has an answer.
    """
    labels = list(labels)
    terms = _terms((label.readings, label.human) for label in labels)
    if not terms.n:
        raise ValueError("nothing to fit on: there is no scored label with a human one beside it")
    prior, before = place_prior(labels), _nll(terms, rules.prior, rules.temperature)
    if what == "prior":
        return Fitted(prior, rules.temperature, before, _nll(terms, prior, rules.temperature), terms.n)
    temperature = _best_temperature(lambda t: _nll(terms, prior, t), rules.temperature)
    return Fitted(prior, temperature, before, _nll(terms, prior, temperature), terms.n)


def place_prior(labels: Iterable[AIPreference]) -> float:
    """The prior in nats: the first place's mean log-odds over `labels`; 0 where there is none. No human label is used.

    Worked: the first place gets 1.5 in one order and 0.5 in the other, so the prior is 1 and the merit 0.5.
    """
    found = [each for label in labels if (each := _place_odds(label.readings)) is not None]
    return sum(found) / len(found) if found else 0.0


def both_ways(chosen: Sequence[float]) -> float:
    """The expected calibration error in [0, 1] of the probabilities `chosen` (n,) that the preferred responses got,
    each comparison in both orders; nan with none."""
    return calibration(chosen, [1.0] * len(chosen)).error


def calibrated_error(labels: Iterable[AIPreference], rules: Rules) -> float:
    """The expected calibration error in [0, 1] with prior and temperature fitted on the other half of the prompts;
    nan where a half has nothing to fit on or nothing is left to look at."""
    halves: tuple[list[AIPreference], list[AIPreference]] = ([], [])
    for label in labels:
        if label.human is not None:
            halves[fraction_of(f"half {label.prompt_id}") < 0.5].append(label)
    chosen: list[float] = []
    for seen, unseen in (halves, halves[::-1]):
        try:
            found = fit(seen, rules, "temperature")
        except ValueError:
            return nan
        fitted = replace(rules, prior=found.prior, temperature=found.temperature)
        for label in unseen:
            p_first, _ = combine(label.readings, fitted)
            if p_first is not None:
                chosen.append(p_first if label.human == "first" else 1 - p_first)
    return both_ways(chosen)


@lru_cache(maxsize=64)
def rules_of(settings: str) -> Rules:
    """The rules in a label's `settings`; the defaults where they are not JSON or say nothing of them.

    >>> rules_of('{"prior": 0.5, "shots": 5}').prior
    0.5
    """
    try:
        given = json.loads(settings)
    except ValueError:
        return Rules()
    known = {each.name for each in fields(Rules)}
    return Rules(**{key: value for key, value in given.items() if key in known}) if isinstance(given, dict) else Rules()


def _place_odds(readings: Sequence[Reading]) -> float | None:
    """The log-odds of the first place in one comparison, its merit averaged out; None without an answer."""
    total = weight = 0.0
    for _, same in _answered(readings):
        total += same[0].weight * sum(_sign(each) * (each.log_odds or 0.0) for each in same) / len(same)
        weight += same[0].weight
    return total / weight if weight else None


def _answered(readings: Iterable[Reading]) -> Iterator[tuple[str, list[Reading]]]:
    """The principles all of whose orders have an answer, as `odds.combine` takes them."""
    return ((name, same) for name, same in by_principle(readings) if all(each.log_odds is not None for each in same))


def _sign(reading: Reading) -> float:
    """How the prior enters the log-odds of the comparison's first response."""
    return {"first": 1.0, "swapped": -1.0}.get(reading.order, 0.0)


def _terms(found: Iterable[tuple[Sequence[Reading], str | None]]) -> _Terms:
    rows: list[tuple[int, float, float, float]] = []
    n = 0
    for readings, human in found:
        groups = [same for _, same in _answered(readings)] if human is not None else []
        total, turn = sum(same[0].weight for same in groups), 1.0 if human == "first" else -1.0
        if not total:
            continue
        for same in groups:
            part = same[0].weight / total / len(same)
            rows += ((n, turn * (each.log_odds or 0.0), turn * _sign(each), part) for each in same)
        n += 1
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return _Terms(columns[0].astype(np.intp), columns[1], columns[2], columns[3], n)


def _nll(terms: _Terms, prior: float, temperature: float) -> float:
    """The mean negative log-likelihood in nats of the human's choice, at most CERTAIN; nan with nothing to count."""
    if not terms.n:
        return nan
    z = (terms.odds - prior * terms.place) / temperature
    p = np.bincount(terms.owner, weights=terms.weight * np.exp(-np.logaddexp(0, -z)), minlength=terms.n)
    return float(-np.log(np.clip(p, exp(-CERTAIN), 1)).mean())


def _best_temperature(nll: Callable[[float], float], now: float) -> float:
    """The temperature from LEAST to MOST where `nll` is least; `now` where none is better."""
    grid = [log(LEAST) + (log(MOST) - log(LEAST)) * n / (_GRID - 1) for n in range(_GRID)]
    best = min(range(_GRID), key=lambda n: nll(exp(grid[n])))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    found = _golden_section(lambda x: nll(exp(x)), low, high)
    best_log = min((found, low, high), key=lambda x: nll(exp(x)))
    temperature = min(max(exp(best_log), LEAST), MOST)
    return temperature if nll(temperature) < nll(now) - 1e-12 else now


def _golden_section(f: Callable[[float], float], low: float, high: float) -> float:
    """Where `f` is least between `low` and `high`, `f` falling and then rising."""
    one, two = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_one, at_two = f(one), f(two)
    for _ in range(_STEPS):
        if at_one <= at_two:
            high, two, at_two = two, one, at_one
            one = high - _GOLDEN * (high - low)
            at_one = f(one)
        else:
            low, one, at_one = one, two, at_two
            two = low + _GOLDEN * (high - low)
            at_two = f(two)
    return (low + high) / 2
