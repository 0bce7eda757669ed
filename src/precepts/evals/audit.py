"""What a feedback model is worth: its labels of comparisons beside what people preferred.

1. **Accuracy** is the share of scored, decided labels that name the response people preferred. A label of exactly 0.5
   decides nothing: left out and counted, as are labels without an answer, by their reason. The verdict is whether the
   95 % interval, clustered by prompt, is clear of chance.
2. **Calibration** takes each comparison in both orders, so that the place of the preferred one carries nothing. Beside
   it stands the error that is left when prior and temperature are fitted on the other half (`evals.calibration`).
3. **Places**: the flip rate, the position prior and confidence are those of `evals.labels`; a labeler whose answers
   know no order has none.
4. **Principles**: a label counts for each principle it was asked under, with what that principle alone says. Two
   principles agree on a comparison where both favour the same response.
5. The rule that prefers the longer response is tried on the same comparisons.

How it departs from the paper: it reports its feedback model's accuracy and curve (figures 4 and 9), nothing on places,
single principles or length, and no intervals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import isnan, nan
from typing import Literal

from precepts.evals.accuracy import Choice, accuracy_of
from precepts.evals.calibration import both_ways, calibrated_error, fit, rules_of
from precepts.evals.labels import LabelSummary, by_principle, label_summary
from precepts.evals.reliability import Point, calibration
from precepts.evals.statistics import Estimate, bootstrap_mean, wilson
from precepts.odds import Rules, combine
from precepts.records import AIPreference

Verdict = Literal["above chance", "no better than chance", "below chance"]


@dataclass(frozen=True)
class Audit:
    """A feedback model on `n` labelled comparisons. Shares and errors are in [0, 1], `prior` in nats; what there is
    nothing to tell of is nan, with n = 0. `summary` is of the same labels. `principles` are by id, `categories` by name
    and by the part before a colon; `agreement` of two principles is the share of comparisons both decide on which they
    favour the same response, `agreement_mean` the mean over comparisons."""

    n: int
    scored: int
    unscored: Mapping[str, int]
    accuracy: Estimate
    even: int
    longer: Estimate
    over_longer: Estimate
    ece: float
    reliability: tuple[Point, ...]
    calibrated_ece: float
    prior: float
    temperature: float
    summary: LabelSummary
    principles: Mapping[str, Estimate]
    categories: Mapping[str, Estimate]
    agreement: Mapping[tuple[str, str], Estimate]
    agreement_mean: Estimate

    @property
    def verdict(self) -> Verdict:
        """Whether the interval of accuracy is clear of one half; without an interval nothing is shown."""
        if self.accuracy.low > 0.5:
            return "above chance"
        return "below chance" if self.accuracy.high < 0.5 else "no better than chance"

    @property
    def text(self) -> str:
        """One plain sentence for people, to follow the model's name, without its full stop."""
        return _sentence(self)


@dataclass
class _Seen:
    """What is kept of the labels as they come: no texts, so that many fit."""

    labels: list[AIPreference] = field(default_factory=list)
    longer: list[int] = field(default_factory=list)


def audit(labels: Iterable[AIPreference], seed: int = 0) -> Audit:
    """Measure `labels`, read once as they come, on those with a human label; `seed` is the bootstrap's."""
    seen = _Seen()
    summary = label_summary(_noting(labels, seen), seed)
    choices = [choice for pair in zip(seen.labels, seen.longer, strict=True) if (choice := _choice(*pair))]
    found = accuracy_of(choices, seed=seed)
    chosen = [p if _first(label) else 1 - p for label in seen.labels if (p := label.p_first) is not None]
    rules = rules_of(seen.labels[0].settings) if seen.labels else Rules()
    prior, temperature = _fitted(seen.labels, rules)
    agreement, agreement_mean = _agreement(seen.labels, seed)
    return Audit(
        n=summary.labels,
        scored=summary.scored,
        unscored=summary.unscored,
        accuracy=found.accuracy,
        even=found.even,
        longer=found.longer,
        over_longer=found.over_longer,
        ece=both_ways(chosen),
        reliability=reliability(chosen),
        calibrated_ece=calibrated_error(seen.labels, rules),
        prior=prior,
        temperature=temperature,
        summary=summary,
        principles=_by_principle(seen.labels, seed),
        categories=_by_category(seen.labels, choices, seed),
        agreement=agreement,
        agreement_mean=agreement_mean,
    )


def reliability(chosen: Sequence[float]) -> tuple[Point, ...]:
    """The curve of the probabilities `chosen` (n,) that the preferred responses got."""
    return calibration(chosen, [1.0] * len(chosen)).curve


def _noting(labels: Iterable[AIPreference], seen: _Seen) -> Iterator[AIPreference]:
    """The labels with a human one as they come, without their texts, kept on the way."""
    for label in labels:
        if label.human is not None:
            readings = tuple(replace(each, sent="", reasoning="", logprobs=None) for each in label.readings)
            seen.labels.append(replace(label, messages=(), first="", second="", readings=readings))
            seen.longer.append(len(label.first) - len(label.second))
            yield seen.labels[-1]


def _first(label: AIPreference) -> bool:
    return label.human == "first"


def _choice(label: AIPreference, longer: int) -> Choice | None:
    return None if label.p_first is None else Choice(label.prompt_id, label.p_first - 0.5, _first(label), longer)


def _fitted(labels: Sequence[AIPreference], rules: Rules) -> tuple[float, float]:
    try:
        found = fit(labels, rules, "temperature")
    except ValueError:
        return nan, nan
    return found.prior, found.temperature


def _leans(label: AIPreference) -> dict[str, float | None]:
    """By principle, how far its own probability of the first response is from one half; None without an answer."""
    rules = rules_of(label.settings)
    leans = {name: combine(same, rules)[0] for name, same in by_principle(label.readings)}
    return {name: None if p is None else p - 0.5 for name, p in leans.items()}


def _by_principle(labels: Iterable[AIPreference], seed: int) -> dict[str, Estimate]:
    choices: dict[str, list[Choice]] = defaultdict(list)
    for label in labels:
        for name, lean in _leans(label).items():
            choices[name] += [Choice(label.prompt_id, lean, _first(label), 0)] if lean is not None else []
    return {name: accuracy_of(choices[name], seed=seed).accuracy for name in sorted(choices)}


def _by_category(labels: Iterable[AIPreference], choices: Sequence[Choice], seed: int) -> dict[str, Estimate]:
    found: dict[str, list[Choice]] = defaultdict(list)
    scored = (label for label in labels if label.p_first is not None)
    for label, choice in zip(scored, choices, strict=True):
        for name in _categories(label):
            found[name].append(choice)
    return {name: accuracy_of(found[name], seed=seed).accuracy for name in sorted(found)}


def _categories(label: AIPreference) -> list[str]:
    """A label's category and the part of it before a colon, each once; none where it has no category."""
    parts = dict.fromkeys((label.category.partition(":")[0].strip(), label.category))
    return [part for part in parts if part]


def _agreement(labels: Iterable[AIPreference], seed: int) -> tuple[dict[tuple[str, str], Estimate], Estimate]:
    same, common = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    means: list[tuple[str, float]] = []
    for label in labels:
        leans = sorted((name, lean > 0) for name, lean in _leans(label).items() if lean)
        pairs = {(one, other): a == b for (one, a), (other, b) in combinations(leans, 2)}
        common.update(list(pairs))
        same.update(pair for pair, agree in pairs.items() if agree)
        if pairs:
            means.append((label.prompt_id, sum(pairs.values()) / len(pairs)))
    found = {pair: wilson(same[pair], common[pair]) for pair in sorted(common)}
    return found, bootstrap_mean([mean for _, mean in means], [prompt for prompt, _ in means], seed=seed)


def _sentence(found: Audit) -> str:
    if not found.n:
        return "could not be measured: no comparison has a human label"
    missing = found.n - found.scored
    reasons = ", ".join(f"{reason} {count}" for reason, count in found.unscored.items())
    left = f"; {missing} of {found.n} unscored ({reasons})" if missing else ""
    if not found.accuracy.n:
        return f"favoured a response in none of {found.n} comparisons{left}"
    low, high = found.accuracy.low, found.accuracy.high
    ends = "too few for an interval" if isnan(low) else f"95 % interval {low * 100:.0f} to {high * 100:.0f} %"
    text = f"agrees with people on {_percent(found.accuracy)} of {found.accuracy.n} comparisons ({ends}): "
    text += found.verdict if found.verdict == "above chance" else found.verdict.upper()
    if found.summary.flipped.n:
        text += f"; asked in both orders it keeps to the same place in {_percent(found.summary.flipped)}"
    if found.longer.n:
        text += f"; preferring the longer response agrees on {_percent(found.longer)}"
    return text + left


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value * 100:.0f} %"


def as_json(found: Audit, **more: object) -> dict[str, object]:
    """The audit as plain data for JSON, with `more` at its end: an interval is [low, high], and what is nan is None."""
    return {
        "n": found.n,
        **_with_ends("accuracy", found.accuracy),
        "ece": _number(found.ece),
        "flip_rate": _number(found.summary.flipped.value),
        "unscored": found.n - found.scored,
        "unscored_reasons": dict(found.unscored),
        "scored": found.scored,
        "even": found.even,
        "position_prior": _number(found.summary.position_prior.value),
        "confidence": _number(found.summary.confidence.value),
        "verdict": found.verdict,
        **_with_ends("longer", found.longer),
        **_with_ends("over_longer", found.over_longer),
        "by_principle": [
            {"id": name, "n": each.n, **_with_ends("accuracy", each)} for name, each in found.principles.items()
        ],
        "by_category": [
            {"category": name, "n": each.n, **_with_ends("accuracy", each)} for name, each in found.categories.items()
        ],
        "agreement": {
            **_with_ends("mean", found.agreement_mean),
            "pairs": [
                {"one": one, "other": other, "n": each.n, **_with_ends("share", each)}
                for (one, other), each in found.agreement.items()
            ],
        },
        "reliability": [
            {"p": _number(each.said), "n": each.true.n, **_with_ends("observed", each.true)}
            for each in found.reliability
        ],
        "calibrated_ece": _number(found.calibrated_ece),
        "temperature": _number(found.temperature),
        "prior": _number(found.prior),
        **more,
    }


def _with_ends(name: str, estimate: Estimate) -> dict[str, object]:
    return {name: _number(estimate.value), f"{name}_ci": [_number(estimate.low), _number(estimate.high)]}


def _number(value: float) -> float | None:
    return None if isnan(value) else value
