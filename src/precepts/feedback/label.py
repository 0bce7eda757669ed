"""From a comparison to an AI preference: principles drawn, both orders asked, one probability (paper section 4.1).

1. `principles` of the constitution are drawn for each comparison, by weight and spread out, so that none comes twice
   before it must. The few-shot examples' principles are drawn once for a chunk: a chunk's prompts begin alike, and an
   engine reads that beginning once.
2. An ordered question is asked in both orders, and the probabilities of the same response are averaged, so that a
   liking for a place cancels out. Where one order has no answer, the other alone would be biased: unscored.
3. `prior` is what the feedback model gives the first place whatever stands there, in log-odds; it is taken off each
   answer before anything else. `temperature` divides the log-odds. Both are fitted on labelled comparisons
   (`calibration` in evals) or left at 0 and 1.
4. `abstain` is the largest difference between the two orders' probabilities that still counts as an answer. How
   readings become one probability is `odds.combine`.
5. An unusable answer is left out with its reason; a comparison none of whose principles gave an answer is unscored. It
   is never 0.5.
How it departs from the paper: both orders (Lee et al. 2023), several principles at once, prior and temperature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from precepts.constitution import Constitution, Principle, draw_principle, draw_principles
from precepts.engines.base import Engine
from precepts.feedback.labeler import Answer, Labeler, Question
from precepts.identity import canonical_json, seed_from
from precepts.odds import Rules, combine
from precepts.records import AIPreference, Comparison, Reading


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with its place: which comparison it is about, its order, its principle's part of the label."""

    index: int
    order: str
    weight: float
    question: Question


def label_comparisons(
    engine: Engine,
    labeler: Labeler,
    comparisons: Sequence[Comparison],
    constitution: Constitution,
    seed: int,
    shots: int = 0,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    options: dict[str, Any] | None = None,
) -> list[AIPreference]:
    """An AI preference for each comparison, in order. Draws come from `seed` and the comparison's id, so a swapped
    comparison meets the same principles and gives one minus the label."""
    examples = tuple(draw_principle(constitution.judging, seed, "example", n) for n in range(shots))
    asked = [
        _Asked(index, order, weight, Question(shown, principle, examples, _seed(seed, shown, principle)))
        for index, each in enumerate(comparisons)
        for principle, weight in _drawn(constitution, rules.principles, seed, each.id)
        for order, shown in _orders(each, labeler.ordered, rules.both_orders)
    ]
    answers = labeler.ask(engine, [each.question for each in asked])
    readings: list[list[Reading]] = [[] for _ in comparisons]
    for each, answer in zip(asked, answers, strict=True):
        readings[each.index].append(_reading(each, answer))
    settings = canonical_json({**asdict(rules), "shots": shots, "options": options or {}})
    return [
        _preference(comparison, tuple(found), labeler.name, settings, engine.name, constitution.hash, rules)
        for comparison, found in zip(comparisons, readings, strict=True)
    ]


def _drawn(constitution: Constitution, count: int, seed: int, name: str) -> list[tuple[Principle, float]]:
    """The principles drawn for a comparison with their parts of its label, which sum to one."""
    drawn = draw_principles(constitution.judging, count, seed, name)
    times = Counter(principle.id for principle in drawn)
    return [(constitution.principle(each), times[each] / len(drawn)) for each in times]


def _orders(comparison: Comparison, ordered: bool, both: bool) -> list[tuple[str, Comparison]]:
    if not ordered:
        return [("none", comparison)]
    return [("first", comparison), ("swapped", comparison.swap())] if both else [("first", comparison)]


def _seed(seed: int, shown: Comparison, principle: Principle) -> int:
    """A question's seed knows the texts in their places, not what the order is called."""
    return seed_from(seed, shown.id, principle.id, shown.first, shown.second)


def _reading(asked: _Asked, answer: Answer) -> Reading:
    turn = -1 if asked.order == "swapped" else 1
    return Reading(
        principle_id=asked.question.principle.id,
        principle_hash=asked.question.principle.hash,
        shot_principles=tuple(each.id for each in asked.question.shots),
        weight=asked.weight,
        order=asked.order,
        sent=answer.sent,
        reasoning=answer.reasoning,
        logprobs=answer.logprobs,
        log_odds=None if answer.log_odds is None else turn * answer.log_odds,
        unscored=answer.unscored,
    )


def _preference(
    comparison: Comparison,
    readings: tuple[Reading, ...],
    labeler: str,
    settings: str,
    model: str,
    constitution_hash: str,
    rules: Rules,
) -> AIPreference:
    p_first, unscored = combine(readings, rules)
    return AIPreference(
        id=comparison.id,
        prompt_id=comparison.prompt_id,
        split=comparison.split,
        category=comparison.category,
        messages=comparison.messages,
        first=comparison.first,
        second=comparison.second,
        human=comparison.human,
        constitution_hash=constitution_hash,
        labeler=labeler,
        settings=settings,
        model=model,
        readings=readings,
        p_first=p_first,
        unscored=unscored,
    )
