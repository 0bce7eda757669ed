"""What each stage of a recipe will take: `precepts run --dry-run`.

1. The sources are read and split as the run reads them, into a folder that is thrown away; from its prompts every stage
   is worked on a small sample (`planner.py`).
2. Where the run folder holds the stage, done with whatever settings, its tokens a second give the time.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from precepts.errors import InputError
from precepts.method import execute, steps
from precepts.planning.planner import Planner
from precepts.planning.sample import Estimate, Figures
from precepts.recipe import Recipe
from precepts.runs.budget import Cost
from precepts.runs.folder import Run
from precepts.runs.progress import Progress
from precepts.runs.walk import check

_PASSES = 3  # a training step in readings of the same tokens


def estimate(
    recipe: Recipe, run: Run, size: int, *, until: str | None = None, begin: str | None = None, redo: bool = False
) -> list[Estimate]:
    """An estimate of each stage that `execute` would run, from `size` items of each kind. Writes nothing into the run
    folder. Raises InputError as `execute` does."""
    if recipe.arms:
        raise InputError("--dry-run: a recipe with arms is planned one arm at a time; give a recipe without arms")
    plan = steps(recipe, run)
    work = check(plan, run, until=until, begin=begin, redo=redo)
    todo = {step.name for step in work.todo}
    trains = {step.name for step in plan if step.models}
    with tempfile.TemporaryDirectory() as folder:
        execute(recipe, Run(Path(folder)), Progress(quiet=True), until="prompts")
        planner = Planner(recipe, Run(Path(folder)), size)
        names = [step.name for step in plan if step.name in work.chosen]
        found = [planner.stage(name) if name in todo else Estimate(name, "done", Figures()) for name in names]
    timed = [replace(each, figures=_as_before(each, run)) for each in found]
    return [replace(each, money=_money(each, recipe, each.stage in trains)) for each in timed]


def _as_before(found: Estimate, run: Run) -> Figures:
    """The figures with the time that the stage's rate in this run gives, where it was done there."""
    state, figures = run.state(found.stage), found.figures
    tokens = state.tokens_in + state.tokens_out if state and state.done else 0
    if state is None or not tokens or found.how == "done":
        return figures
    return replace(figures, seconds=state.seconds * (figures.tokens_in + figures.tokens_out) / tokens)


def _money(found: Estimate, recipe: Recipe, trains: bool) -> float | None:
    figures = found.figures
    if recipe.prices is None:
        return None
    return Cost.of(figures.tokens_in, figures.tokens_out, figures.seconds or 0.0, trains=trains).money(recipe.prices)
