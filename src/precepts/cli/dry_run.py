"""`precepts run --dry-run`: what each stage of a run will take, before anything is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from precepts.cli.run import hush
from precepts.cli.terminal import say, say_json, show
from precepts.planning.estimate import estimate
from precepts.planning.sample import Estimate
from precepts.recipe import Recipe, load_recipe
from precepts.runs.folder import Run
from precepts.runs.progress import clock

_LEGEND = {
    "measured": "measured: the model at hand worked a sample, which is scaled up",
    "estimated": "estimated: no model at hand; 4 characters a token, and every answer as long as it may be",
    "unknown": "unknown: there is no way to tell beforehand",
}


def dry_run_command(
    recipe_source: str, folder: Path, assignments: list[str], size: int, *, as_json: bool, **chosen: Any
) -> None:
    """Print the plan of a run. Raises InputError as the run would."""
    hush()
    recipe = load_recipe(recipe_source, assignments)
    recipe.check_trainings()
    plan = estimate(recipe, Run(folder), size, **chosen)
    if as_json:
        total = {**asdict(whole(plan)), "stage": "all"}
        say_json({"stages": [asdict(each) for each in plan], "all": total})
        return
    show(_table(plan, recipe))
    for how in dict.fromkeys(each.how for each in plan):
        if how in _LEGEND:
            say(_LEGEND[how])


def whole(plan: Sequence[Estimate]) -> Estimate:
    """All stages together; what is not known of one is left out."""
    known = [each for each in plan if each.how != "unknown"]
    costs = [each.money for each in known if each.money is not None]
    figures = [each.figures for each in known]
    total = figures[0].times(0)
    for each in figures:
        total += each
    return Estimate("all", "", total, sum(costs) if costs else None)


def _table(plan: Sequence[Estimate], recipe: Recipe) -> Table:
    table = Table(title="What this run will take", title_justify="left", box=None, pad_edge=False)
    for name in ("stage", "how"):
        table.add_column(name)
    heads = ["items", "requests", "tokens in", "tokens out", "time", "disk"]
    for name in [*heads, "money"] if recipe.prices else heads:
        table.add_column(name, justify="right", no_wrap=True)
    for each in [*plan, whole(plan)]:
        table.add_row(*_cells(each)[: len(table.columns)], style="bold" if each.stage == "all" else "")
    return table


def _cells(each: Estimate) -> list[str]:
    figures = each.figures
    counts = [figures.items if each.stage != "all" else 0, figures.requests, figures.tokens_in, figures.tokens_out]
    time = "?" if figures.seconds is None else clock(figures.seconds) if figures.seconds else ""
    disk = f"{figures.disk / 2**20:,.1f} MiB" if figures.disk else ""
    money = "" if each.money is None else f"{each.money:,.2f}"
    return [each.stage, each.how, *(f"{n:,}" if n else "" for n in counts), time, disk, money]
