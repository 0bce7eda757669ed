"""The multiple-choice labeler: (A) or (B), by log-probability, under one drawn principle (paper section 4.1).

1. The feedback model reads the conversation, the principle's comparison request and both responses as options, and
   the start of the answer. The label is the probability of " (A)" normalised over " (A)" and " (B)": soft, never a
   hard winner, and nothing is generated or parsed.
2. Few-shot comparisons go first, each under a principle of its own, drawn anew for every label.
3. Both orders are asked and the two probabilities of the first response averaged, so that a liking for an option's
   place cancels out: p_first = (P(A | first is A) + P(B | first is B)) / 2. Both raw pairs are kept.
4. A label without usable log-probabilities is unscored, with the reason. It is never 0.5.
How it departs from the paper: both orders (Lee et al. 2023), and each principle brings its own wording.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from precepts.constitution import Constitution, Principle, draw_principle
from precepts.engines.base import ChoiceRequest, Engine, option_share
from precepts.prompts.demonstrations import ComparisonDemonstration, comparison_demonstrations
from precepts.prompts.formats import Format, as_sent, plain
from precepts.prompts.render import fill, template
from precepts.records import AIPreference, Comparison, Message, Messages

OPTIONS = (" (A)", " (B)")
WORDING = ("templates/comparison.txt", "templates/comparison_answer.txt", "demonstrations/comparison.yaml")


@dataclass(frozen=True)
class _Item:
    """A comparison with what was drawn for it and what is asked of it, its first response as option A."""

    comparison: Comparison
    principle: Principle
    examples: tuple[Principle, ...]
    request: ChoiceRequest


class MultipleChoice:
    """Labels comparisons by the odds of (A) against (B)."""

    name = "multiple_choice"

    def __init__(self, style: Format, shots: int, both_orders: bool) -> None:
        self.style, self.both_orders = style, both_orders
        self.examples = comparison_demonstrations()[:shots]

    def label(
        self, engine: Engine, comparisons: Sequence[Comparison], constitution: Constitution, seed: int
    ) -> list[AIPreference]:
        """An AI preference for each comparison, in order; principles are drawn from `seed` and the comparison's id."""
        items = [self._item(each, constitution, seed) for each in comparisons]
        asked = [item.request for item in items]
        if self.both_orders:
            asked += [self.request(item.comparison.swap(), item.principle, item.examples) for item in items]
        odds = engine.choose(asked)
        firsts = odds[: len(items)]
        seconds: list[list[float] | None] = [*odds[len(items) :]] if self.both_orders else [None] * len(items)
        named = partial(self._preference, engine.name, constitution.hash)
        return [named(*each) for each in zip(items, firsts, seconds, strict=True)]

    def _item(self, comparison: Comparison, constitution: Constitution, seed: int) -> _Item:
        principle = draw_principle(constitution, seed, comparison.id)
        shots = range(len(self.examples))
        examples = tuple(draw_principle(constitution, seed, comparison.id, "example", n) for n in shots)
        return _Item(comparison, principle, examples, self.request(comparison, principle, examples))

    def request(self, comparison: Comparison, principle: Principle, examples: Sequence[Principle]) -> ChoiceRequest:
        """What the feedback model is asked about `comparison`, with `examples` the few-shot comparisons' principles."""
        answer = template("comparison_answer")
        shots = list(zip(self.examples, examples, strict=True))
        asked = [_question((Message("user", shot.prompt),), shot.first, shot.second, p) for shot, p in shots]
        answers = [answer + _option(shot) for shot, _ in shots]
        asked.append(_question(comparison.messages, comparison.first, comparison.second, principle))
        if self.style == "raw":
            told = [f"{question}\n\n{reply}" for question, reply in zip(asked, answers, strict=False)]
            return ChoiceRequest("\n\n\n".join([*told, f"{asked[-1]}\n\n{answer}"]), OPTIONS)
        turns = [
            turn
            for question, reply in zip(asked, answers, strict=False)
            for turn in (Message("user", question), Message("assistant", reply))
        ]
        return ChoiceRequest((*turns, Message("user", asked[-1])), OPTIONS, prefill=answer)

    def _preference(
        self, model: str, constitution_hash: str, item: _Item, logprobs: list[float], swapped: list[float] | None
    ) -> AIPreference:
        comparison, p_first = item.comparison, preference(logprobs, swapped)
        return AIPreference(
            id=comparison.id,
            prompt_id=comparison.prompt_id,
            split=comparison.split,
            messages=comparison.messages,
            first=comparison.first,
            second=comparison.second,
            principle_id=item.principle.id,
            principle_hash=item.principle.hash,
            constitution_hash=constitution_hash,
            shot_principles=tuple(each.id for each in item.examples),
            sent=as_sent(item.request.prompt) + item.request.prefill,
            labeler=self.name,
            model=model,
            logprobs=_kept(logprobs),
            logprobs_swapped=_kept(swapped),
            p_first=p_first,
            unscored=None if p_first is not None else "no_logprobs",
        )


def preference(logprobs: Sequence[float], swapped: Sequence[float] | None) -> float | None:
    """p_first from the log-probabilities of (A) and (B) in one order or, averaged, in both."""
    share = option_share(logprobs)
    if swapped is None or share is None:
        return share
    other = option_share(swapped)
    return None if other is None else (share + (1 - other)) / 2


def _question(messages: Messages, first: str, second: str, principle: Principle) -> str:
    return fill(
        template("comparison"),
        conversation=plain(messages),
        comparison_request=principle.comparison_request,
        first=first,
        second=second,
    )


def _option(shot: ComparisonDemonstration) -> str:
    return OPTIONS[0] if shot.answer == "first" else OPTIONS[1]


def _kept(logprobs: list[float] | None) -> tuple[float, ...] | None:
    return None if logprobs is None or any(map(math.isnan, logprobs)) else tuple(logprobs)
