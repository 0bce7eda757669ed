"""`precepts status`: what each stage of a run is, and what it cost.

A run stays readable where the files that its recipe names are gone: then a line says that staleness is not known.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from precepts.errors import InputError
from precepts.method import STAGES, steps
from precepts.recipe import load_recipe
from precepts.runs.folder import Run
from precepts.runs.progress import clock
from precepts.runs.walk import all_parts, stale


@dataclass(frozen=True)
class Line:
    """One stage's line; `changed` says which of its parts are no longer what they were."""

    stage: str
    state: str
    changed: list[str]
    records: int
    tokens_in: int
    tokens_out: int
    seconds: float


def status_command(folder: Path, recipe_source: str | None, assignments: list[str], *, as_json: bool) -> None:
    """Print the stages of a run. Raises InputError where the folder is no run."""
    own = folder / "recipe.yaml"
    if not own.is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
    run = Run(folder)
    try:
        changed = _changed(run, recipe_source or str(own), assignments)
    except InputError as error:
        if recipe_source or assignments:
            raise
        changed = {}
        print(f"whether a stage is stale cannot be checked: {error}", file=sys.stderr)
    lines = [line(run, stage, changed.get(stage, [])) for stage in STAGES]
    if as_json:
        print(json.dumps([asdict(each) for each in lines], indent=1))
    else:
        Console().print(_table(folder, lines))


def _changed(run: Run, recipe_source: str, assignments: list[str]) -> dict[str, list[str]]:
    recipe = load_recipe(recipe_source, assignments)
    return stale(run, all_parts(steps(recipe, run)))


def line(run: Run, stage: str, changed: list[str]) -> Line:
    """What is to be said of one stage."""
    state = run.state(stage)
    if state is None:
        return Line(stage, "not begun", [], 0, 0, 0, 0.0)
    progress = state.progress
    partial = f"partial: {progress['done']} of {progress['total']} {progress['unit']}" if progress else "partial"
    word = "stale" if changed else "done" if state.done else partial
    records = sum(state.records.values())
    return Line(stage, word, changed, records, state.tokens_in, state.tokens_out, state.seconds)


def _table(folder: Path, lines: list[Line]) -> Table:
    table = Table(title=str(folder), title_justify="left", box=None, pad_edge=False)
    for name in ("stage", "state"):
        table.add_column(name, overflow="fold")
    for name in ("records", "tokens in", "tokens out", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in lines:
        state = each.state + (f" ({'; '.join(each.changed)})" if each.changed else "")
        figures = [f"{n:,}" if n else "" for n in (each.records, each.tokens_in, each.tokens_out)]
        table.add_row(each.stage, Text(state), *figures, clock(each.seconds) if each.seconds else "")
    total = [sum(values) for values in zip(*((e.tokens_in, e.tokens_out, e.seconds) for e in lines), strict=True)]
    table.add_row("all", "", "", f"{total[0]:,}", f"{total[1]:,}", clock(total[2]), style="bold")
    return table
