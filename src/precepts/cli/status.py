"""`precepts status`: what each stage of a run is, and what it cost.

1. A run stays readable where the files that its recipe names are gone: then a line says that staleness is not known.
2. Arms stand side by side, a column each. What an arm shares was spent in another: no total counts it twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.table import Table
from rich.text import Text

from precepts.cli.terminal import say, say_json, show
from precepts.errors import InputError
from precepts.method import STAGES, left_out, steps
from precepts.recipe import Recipe, arm_recipes, load_recipe
from precepts.runs.folder import Run
from precepts.runs.progress import clock
from precepts.runs.sharing import arms_of, cost_of_all
from precepts.runs.walk import all_parts, stale


@dataclass(frozen=True)
class Line:
    """One stage's line; `changed` says which of its parts are no longer what they were, `shared_from` which arm ran it
    (whose cost is given), `stopped` why a rule ended its training."""

    stage: str
    state: str
    changed: list[str]
    records: int
    tokens_in: int
    tokens_out: int
    seconds: float
    shared_from: str = ""
    stopped: str = ""


def status_command(folder: Path, recipe_source: str | None, assignments: list[str], *, as_json: bool) -> None:
    """Print the stages of a run, or of its arms. Raises InputError where the folder is no run."""
    own = folder / "recipe.yaml"
    if not own.is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
    try:
        recipe = load_recipe(recipe_source or str(own), assignments)
        failed = ""
    except InputError as error:
        recipe, failed = None, str(error)
    runs = arms_of(folder)
    recipes = _by_arm(recipe, runs) if runs else {"": recipe}
    shown: dict[str, list[Line]] = {}
    for name, run in (runs or {"": Run(folder)}).items():
        try:
            shown[name] = lines_of(run, recipes[name])
        except InputError as error:
            shown[name], failed = lines_of(run, recipes[name], check=False), str(error)
    if failed and (recipe_source or assignments):
        raise InputError(failed)
    if failed:
        say(f"whether a stage is stale cannot be checked: {failed}", error=True)
    if as_json:
        plain = {name: [asdict(each) for each in lines] for name, lines in shown.items()}
        say_json(plain if runs else plain[""])
    elif runs:
        _print_arms(folder, runs, shown)
    else:
        show(_table(folder, shown[""]))


def _by_arm(recipe: Recipe | None, runs: Mapping[str, Run]) -> dict[str, Recipe | None]:
    """The recipe of each arm. Raises InputError where the recipe has no such arm."""
    recipes = arm_recipes(recipe) if recipe else {}
    missing = [name for name in runs if recipe and name not in recipes]
    if missing:
        raise InputError(f"--recipe: it has no arm {missing[0]}; give the recipe that the run was made with")
    return {name: recipes.get(name) for name in runs}


def lines_of(run: Run, recipe: Recipe | None, *, check: bool = True) -> list[Line]:
    """The lines of a run's stages, compared with `recipe` where it is given. Raises InputError where something that
    the recipe names is not there and `check` is on."""
    changed = stale(run, all_parts(steps(recipe, run))) if recipe and check else {}
    idle = left_out(recipe) if recipe else {"warm_up"}
    lines = [line(run, stage, changed.get(stage, [])) for stage in STAGES]
    unneeded = {each.stage for each in lines if each.stage in idle and each.state == "not begun"}
    return [replace(each, state="not needed") if each.stage in unneeded else each for each in lines]


def line(run: Run, stage: str, changed: list[str]) -> Line:
    """What is to be said of one stage."""
    state = run.state(stage)
    if state is None:
        return Line(stage, "not begun", [], 0, 0, 0, 0.0)
    progress = state.progress
    partial = f"partial: {progress['done']} of {progress['total']} {progress['unit']}" if progress else "partial"
    word = "stale" if changed else "done" if state.done else partial
    records = sum(state.records.values())
    cost = (state.tokens_in, state.tokens_out, state.seconds)
    return Line(stage, word, changed, records, *cost, shared_from=state.shared_from, stopped=state.stopped)


def _table(folder: Path, lines: list[Line]) -> Table:
    table = Table(title=Text(str(folder)), title_justify="left", box=None, pad_edge=False)
    for name in ("stage", "state"):
        table.add_column(name, overflow="fold")
    for name in ("records", "tokens in", "tokens out", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in lines:
        state = each.state + (f", shared from {each.shared_from}" if each.shared_from else "")
        state += f", stopped {each.stopped}" if each.stopped else ""
        state += f" ({'; '.join(each.changed)})" if each.changed else ""
        figures = [f"{n:,}" if n else "" for n in (each.records, each.tokens_in, each.tokens_out)]
        table.add_row(each.stage, Text(state), *figures, clock(each.seconds) if each.seconds else "")
    tokens_in, tokens_out, seconds = _own(lines)
    table.add_row("all", "", "", f"{tokens_in:,}", f"{tokens_out:,}", clock(seconds), style="bold")
    return table


def _own(lines: Sequence[Line]) -> tuple[int, int, float]:
    """What a run spent itself: tokens in, tokens out, seconds."""
    own = [each for each in lines if not each.shared_from]
    return sum(e.tokens_in for e in own), sum(e.tokens_out for e in own), sum(e.seconds for e in own)


def _print_arms(folder: Path, runs: Mapping[str, Run], shown: Mapping[str, list[Line]]) -> None:
    """Arms as columns, as many beside each other as the terminal has room for."""
    columns = {name: _column(lines) for name, lines in shown.items()}
    width = max(len(text) for name, cells in columns.items() for text in (name, *cells)) + 1
    fit = max(1, (shutil.get_terminal_size().columns - 10) // width)
    names = list(columns)
    for first in range(0, len(names), fit):
        table = Table(title=Text(str(folder)) if first == 0 else None, title_justify="left", box=None, pad_edge=False)
        table.add_column("stage")
        for name in names[first : first + fit]:
            table.add_column(Text(name), overflow="fold")
        rows = zip((*STAGES, "all", ""), *(columns[name] for name in names[first : first + fit]), strict=True)
        for stage, *cells in rows:
            table.add_row(stage, *map(Text, cells), style="" if stage in STAGES else "bold")
        show(table)
    for name, lines in shown.items():
        for each in lines:
            if each.changed:
                say(f"arm {name}, stage {each.stage}: {'; '.join(each.changed)}")
            if each.stopped:
                say(f"arm {name}, stage {each.stage}: stopped {each.stopped}")
    tokens_in, tokens_out, seconds = cost_of_all([run.state(stage) for stage in STAGES] for run in runs.values())
    say(f"all arms, a shared stage counted once: {tokens_in:,} tokens in, {tokens_out:,} out, {clock(seconds)}")


def _column(lines: Sequence[Line]) -> list[str]:
    """An arm's cells: a stage each, and what the arm spent itself."""
    tokens_in, tokens_out, seconds = _own(lines)
    return [*map(_cell, lines), clock(seconds), f"{tokens_in:,} in, {tokens_out:,} out"]


def _cell(line: Line) -> str:
    if line.shared_from:
        return f"{line.state}, shared"
    return f"{line.state}  {clock(line.seconds)}" if line.seconds else line.state
