"""The board of `precepts eval`: one model, or two beside each other, on all suites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from precepts.evals import suite_figures
from precepts.evals.suite_figures import SuiteFigures
from precepts.evaluating.ask import Outcome
from precepts.evaluating.suites import ANSWERED, Loaded
from precepts.evidence import Evaluation


def figures_of(loaded: Sequence[Loaded], outcomes: Sequence[Sequence[Outcome]], seed: int) -> list[SuiteFigures]:
    """The figures of every suite; `outcomes` are each model's, one for each suite. A suite that was also asked in other
    words has a second one."""
    found = []
    for each, models in zip(loaded, zip(*outcomes, strict=True), strict=True):
        found.append(replace(_figures(each, models, seed), left_out=each.left_out))
        if models[0].forms:
            plain, forms = [m.answers for m in models], [m.forms for m in models]
            found.append(suite_figures.robustness(f"{each.suite.name}, reworded", plain, forms, seed))
    return found


def answers_of(
    loaded: Sequence[Loaded], outcomes: Sequence[Sequence[Outcome]]
) -> dict[str, list[Sequence[Evaluation]]]:
    """The answers to the prompts of each suite that was answered, by its name: those of each model."""
    both = zip(loaded, zip(*outcomes, strict=True), strict=True)
    return {each.suite.name: [m.answers for m in models] for each, models in both if each.suite.kind in ANSWERED}


def answer_rows(loaded: Sequence[Loaded], outcomes: Sequence[Sequence[Outcome]]) -> Iterator[dict[str, Any]]:
    """Every answer as plain data, with the suite and the wording it belongs to: what the figures were counted from."""
    for each, models in zip(loaded, zip(*outcomes, strict=True), strict=True):
        for outcome in models:
            for form, answers in {"plain": outcome.answers, **outcome.forms}.items():
                for row in answers:
                    told = asdict(row)
                    del told["score"]  # of a preference model, and there is none
                    response = told.pop("text")
                    yield {"suite": each.suite.name, "wording": form, "response": response, **told}


def _figures(loaded: Loaded, models: Sequence[Outcome], seed: int) -> SuiteFigures:
    name, kind = loaded.suite.name, loaded.suite.kind
    if kind in ANSWERED:
        return suite_figures.answered(name, kind, [each.answers for each in models], seed)
    if kind == "comparisons":
        return suite_figures.compared(name, [each.labels for each in models], seed)
    return suite_figures.weighed(name, [each.weighed for each in models], seed)
