"""`precepts constitution coverage`: what each principle does to the labels of a set of prompts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from precepts.cli.run import hush
from precepts.cli.terminal import say, say_json, show
from precepts.cli.writing import check_places, writing
from precepts.constitution import Constitution, Principle, Source
from precepts.constitution.lint import Finding
from precepts.constitution.lint.rules import MODEL_RULES
from precepts.constitution.lint.words import capped
from precepts.engines import Engine, make_engine
from precepts.errors import InputError
from precepts.evals.coverage import Coverage, coverage
from precepts.recipe import Recipe
from precepts.records import Comparison
from precepts.report.coverage_page import write_coverage_page
from precepts.report.numbers import counted, decimal, percent, whole
from precepts.runs.progress import Progress, clock
from precepts.runs.work import chunked
from precepts.sources.read import SourceSettings
from precepts.stages.audit import labelled
from precepts.stages.label import label_worker

_NAME = 34  # characters; a row is then 79 wide
NEUTRAL = Principle(
    id="neutral",
    title="A bare request",
    source=Source(work="Precepts"),
    comparison_request="Choose one of the two responses.",
)


def coverage_command(
    recipe: Recipe, source: str, limit: int | None, *, least: float, as_text: bool, page: Path | None, quiet: bool
) -> None:
    """Label the comparisons under each principle alone, say what each does. Raises PreceptsError."""
    hush()
    check_places(page)
    constitution = recipe.load_constitution()
    items = list(labelled([SourceSettings(source=source, limit=limit)]))
    check_judging(constitution)
    if not items:
        raise InputError(f"{source}: no comparison in it can be used")
    model, began = recipe.models.feedback or recipe.models.start, time.monotonic()
    engine = make_engine(recipe.engine, model, model)
    found = measured(recipe, constitution, engine, items, least, quiet=quiet)
    seconds = time.monotonic() - began
    claims = claims_of(found, constitution, items)
    facts = {
        "feedback model": model,
        "labeler": recipe.label.labeler,
        "comparisons": f"{Path(source).name}, {whole(len(items))}",
        "cost": f"{whole(engine.usage.tokens_in)} tokens in, {clock(seconds)}",
    }
    if page:
        with writing(page):
            write_coverage_page(page, found, constitution, items, claims, facts)
    if as_text:
        _show(found, constitution, claims, facts)
    else:
        asked = {"model": model, "labeler": recipe.label.labeler, "source": source}
        usage = {"tokens_in": engine.usage.tokens_in, "tokens_out": engine.usage.tokens_out, "seconds": seconds}
        say_json({**asked, **usage, **_told(found, constitution, items)})


def check_judging(constitution: Constitution) -> None:
    """Raises InputError where nothing can be labelled under this constitution."""
    if not constitution.judging:
        raise InputError(
            f"{constitution.name}: no principle has a comparison_request, so a model has nothing to label by; add one"
        )


def measured(
    recipe: Recipe,
    constitution: Constitution,
    engine: Engine,
    items: Sequence[Comparison],
    least: float,
    *,
    quiet: bool,
) -> Coverage:
    """What each principle does to the labels of these comparisons."""
    asked = [NEUTRAL, *constitution.judging]
    labels = []
    with Progress(quiet=quiet).task("coverage", len(asked) * len(items), 0, "labels") as task:
        for principle in asked:
            alone = constitution.model_copy(update={"principles": [principle]})
            work = label_worker(engine, recipe.label, recipe.format, alone, recipe.label.rules())
            row: list[float | None] = []
            for chunk in chunked(items, recipe.label.chunk_size, recipe.seed, "coverage", "records"):
                row += [_towards_preferred(each) for each in work(chunk).records]
                task.advance(len(chunk.items), principle.id)
            labels.append(row)
    return coverage(labels[1:], labels[0], least)


def findings_of(found: Coverage, constitution: Constitution) -> list[Finding]:
    """What a model makes of the principles, as findings of `lint`."""
    names = [each.id for each in constitution.judging]
    place = [index for index, each in enumerate(constitution.principles) if each.comparison_request]

    def found_of(rule: str, places: Iterable[tuple[int, str]]) -> list[Finding]:
        told = capped((place[index], "comparison_request", message) for index, message in places)
        return [Finding(rule, MODEL_RULES[rule].severity, *each) for each in told]

    return [
        *(
            Finding(
                "no-effect", MODEL_RULES["no-effect"].severity, place[index], "comparison_request", "moves no label"
            )
            for index in found.idle
        ),
        *found_of(
            "contradiction-by-effect",
            (
                (other, f"moves labels the opposite way to '{names[one]}' (correlation {decimal(together)})")
                for one, other, together in found.opposites
            ),
        ),
        *found_of(
            "twin",
            (
                (other, f"moves labels as '{names[one]}' does (correlation {decimal(together)})")
                for one, other, together in found.twins
            ),
        ),
    ]


def _towards_preferred(label: Any) -> float | None:
    """The probability of the response that people preferred."""
    if label.p_first is None:
        return None
    return float(label.p_first if label.human != "second" else 1 - label.p_first)


def claims_of(found: Coverage, constitution: Constitution, items: Sequence[Comparison]) -> list[str]:
    """What the figures say, in sentences."""
    names, total = [each.id for each in constitution.judging], len(items)
    moved = decimal(found.least)
    idle = ", ".join(names[index] for index in found.idle)
    never = f"{counted(len(found.idle), 'principle')} of {len(names)} move no label by {moved} or more: {idle}."
    silent = f"{counted(len(found.silent), 'prompt')} of {total} ({percent(len(found.silent) / total)})"
    claims = [
        never if found.idle else f"Every principle moves some label by {moved} or more.",
        f"{silent} have no principle that speaks to them."
        if found.silent
        else "Some principle speaks to every prompt.",
    ]
    for pairs, what in ((found.twins, "agree"), (found.opposites, "pull apart")):
        shown = "; ".join(f"{names[a]} and {names[b]} ({decimal(r)})" for a, b, r in pairs[:6])
        more = f"; and {len(pairs) - 6} more" if len(pairs) > 6 else ""
        told = f"{counted(len(pairs), 'pair')} of principles always {what}: {shown}{more}."
        claims.append(told if pairs else f"No two principles always {what}.")
    if found.unscored:
        claims.append(f"{counted(found.unscored, 'label')} could not be read and are left out.")
    return claims


def _show(found: Coverage, constitution: Constitution, claims: list[str], facts: dict[str, str]) -> None:
    show(" · ".join(f"{name} {value}" for name, value in facts.items()), "dim")
    for index in sorted(range(len(found.mean)), key=lambda index: -found.mean[index]):
        share, mean = found.moved[index].value, found.mean[index]
        bar = "" if isnan(share) else "█" * round(10 * min(1.0, share))
        name = constitution.judging[index].id
        name = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
        say(f"{name:<{_NAME}} {bar:<10} speaks to {percent(share):>5}, mean effect {decimal(mean)}")
    for claim in claims:
        show(claim)


def _told(found: Coverage, constitution: Constitution, items: Sequence[Comparison]) -> dict[str, Any]:
    names = [each.id for each in constitution.judging]
    return {
        "constitution_hash": constitution.hash,
        "least": found.least,
        "principles": [
            {"id": name, "moved": found.moved[n].value, "mean_effect": found.mean[n], "idle": n in found.idle}
            for n, name in enumerate(names)
        ],
        "silent": [items[index].id for index in found.silent],
        "twins": [{"one": names[a], "other": names[b], "correlation": r} for a, b, r in found.twins],
        "opposites": [{"one": names[a], "other": names[b], "correlation": r} for a, b, r in found.opposites],
        "unscored": found.unscored,
        "comparisons": [each.id for each in items],
        "effects": [[None if value != value else round(float(value), 4) for value in row] for row in found.effects],
    }
