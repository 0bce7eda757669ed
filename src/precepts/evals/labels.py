"""What a set of AI labels looks like: how sure, how many unscored, and how much they follow an option's place.

1. Confidence is |p_first - 0.5|: 0 says nothing, 0.5 is certain. A label under 0.1 is called undecided.
2. What concerns places is read off the readings as they were given, before a prior or a temperature: P(A) is the
   probability of what stands first. Each principle under which both orders were answered counts once. The **position
   prior** is the mean of P(A) over both orders: 0.5 with no liking for a place. A reading **flips** where the same
   place is favoured in both orders, so the response it names depends on the order alone (Lee et al. 2023 found 18 % of
   labels of a large labeller, 56 % of a very small one).
3. Unscored labels are counted by their reason and left out of confidence; what was read of their places still counts,
   since labels that abstain are those that flip.

Departs from the paper, which asks one order and reports none of this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from precepts.evals.shares import share
from precepts.evals.statistics import Estimate, bootstrap_mean
from precepts.odds import sigmoid
from precepts.records import AIPreference, Reading

UNDECIDED = 0.1  # |p_first - 0.5| below this


@dataclass(frozen=True)
class LabelSummary:
    """Figures of a set of labels. Shares and probabilities are in [0, 1], `confidence` in [0, 0.5]; those on order
    (`position_prior`, `flipped` = `favours_a` + `favours_b`) are of principles read in both orders. `by_principle`
    counts the labels that each principle had a part in."""

    labels: int
    scored: int
    unscored: Mapping[str, int]
    confidence: Estimate
    undecided: Estimate
    position_prior: Estimate
    flipped: Estimate
    favours_a: Estimate
    favours_b: Estimate
    by_principle: Mapping[str, int]


def label_summary(labels: Iterable[AIPreference], seed: int = 0) -> LabelSummary:
    """Summarise `labels`, read once as they come; `seed` is the bootstrap's."""
    count, unscored, drawn = 0, Counter[str](), Counter[str]()
    scored: list[tuple[str, float]] = []
    orders: list[tuple[str, float, float]] = []
    for label in labels:
        count += 1
        drawn.update(label.principles)
        orders += ((label.prompt_id, *both) for both in both_orders(label.readings))
        if label.p_first is None:
            unscored[label.unscored or ""] += 1
        else:
            scored.append((label.prompt_id, label.p_first))
    return LabelSummary(
        labels=count,
        scored=len(scored),
        unscored=dict(sorted(unscored.items())),
        by_principle=dict(sorted(drawn.items())),
        **_sureness(scored, seed),
        **_places(orders, seed),
    )


def by_principle(readings: Iterable[Reading]) -> Iterator[tuple[str, list[Reading]]]:
    """The readings of each principle of a label with its id, in their order."""
    return ((name, list(group)) for name, group in groupby(readings, key=lambda reading: reading.principle_id))


def both_orders(readings: Iterable[Reading]) -> Iterator[tuple[float, float]]:
    """P(A) in the first order and in the swapped one, for each principle that answered in both."""
    for _, same in by_principle(readings):
        odds = {each.order: each.log_odds for each in same}
        first, swapped = odds.get("first"), odds.get("swapped")
        if first is not None and swapped is not None:
            yield sigmoid(first), sigmoid(-swapped)


def _sureness(scored: Sequence[tuple[str, float]], seed: int) -> dict[str, Estimate]:
    prompts = [prompt for prompt, _ in scored]
    sure = [abs(p - 0.5) for _, p in scored]
    return {
        "confidence": bootstrap_mean(sure, prompts, seed=seed),
        "undecided": share([each < UNDECIDED for each in sure], prompts, seed=seed),
    }


def _places(orders: Sequence[tuple[str, float, float]], seed: int) -> dict[str, Estimate]:
    prompts = [prompt for prompt, _, _ in orders]
    favours_a = [one > 0.5 and other > 0.5 for _, one, other in orders]
    favours_b = [one < 0.5 and other < 0.5 for _, one, other in orders]
    return {
        "position_prior": bootstrap_mean([(one + other) / 2 for _, one, other in orders], prompts, seed=seed),
        "favours_a": share(favours_a, prompts, seed=seed),
        "favours_b": share(favours_b, prompts, seed=seed),
        "flipped": share([a or b for a, b in zip(favours_a, favours_b, strict=True)], prompts, seed=seed),
    }
