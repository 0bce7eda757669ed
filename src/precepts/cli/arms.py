"""`precepts run` and `precepts sweep` on a recipe with arms: one after another, sharing what they can, then compared.

1. All arms are checked before any is run, with one lock on the whole folder.
2. `--until` and `--from` mean the same stages in every arm; an arm that has no such stage ends before it, or begins
   after it.
3. Where stages are redone although nothing changed (`--from` with `--redo`), an arm adopts them only from arms that
   this call has been through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from precepts.cli.terminal import say, show
from precepts.errors import InputError, nearest
from precepts.method import STAGES, execute, steps
from precepts.recipe import Recipe, arm_recipes, recipe_yaml
from precepts.report import compared_arms, gist, write_comparison, write_report
from precepts.runs.folder import Run
from precepts.runs.lock import locked
from precepts.runs.progress import Progress
from precepts.runs.shards import write_whole
from precepts.runs.sharing import ARMS, arms_of, beside
from precepts.runs.walk import check


@dataclass(frozen=True)
class _Arm:
    """An arm with the part of its plan that is asked for; `pending` where there is something to do."""

    name: str
    recipe: Recipe
    run: Run
    begin: str | None
    until: str | None
    pending: bool


def run_arms(recipe: Recipe, folder: Path, *, until: str | None, begin: str | None, redo: bool, quiet: bool) -> None:
    """Run every arm, report each, compare them, print the gist. Raises PreceptsError."""
    progress, text = Progress(quiet=quiet), recipe_yaml(recipe).encode()
    with locked(folder):
        arms = _checked(recipe, folder, until, begin, redo)
        page, kept = folder / "report.html", folder / "recipe.yaml"
        if any(arm.pending for arm in arms) or not kept.exists() or kept.read_bytes() != text:
            page.unlink(missing_ok=True)  # it is about another state of the arms from here on
        write_whole(kept, text)
        _tell_of_others(folder, progress)
        worked = False
        for number, arm in enumerate(arms):
            progress.say(f"arm {arm.name} ({number + 1} of {len(arms)})")
            siblings = _siblings(folder, arms, number, fresh=redo and begin is not None)
            worked |= _run_arm(arm, siblings, redo, progress)
        if worked or not page.exists():
            write_comparison(folder)
    if not worked:
        say(f"Nothing to do: the stages {begin or STAGES[0]} to {until or STAGES[-1]} of every arm are done.")
    _show_gist(folder)
    say(f"\nReport: {page}")


def refuse_a_mix(recipe: Recipe, folder: Path) -> None:
    """Raise InputError where the recipe has arms and the run in `folder` was made without, or the reverse."""
    if not (folder / "recipe.yaml").is_file() or bool(arms_of(folder)) == bool(recipe.arms):
        return
    if recipe.arms:
        raise InputError(
            f"--run {folder}: this run was made without arms and the recipe has some ({', '.join(recipe.arms)}); "
            "choose another --run folder"
        )
    raise InputError(
        f"--run {folder}: this run has arms ({', '.join(arms_of(folder))}) and the recipe has none; "
        "choose another --run folder, or give the recipe with the arms"
    )


def _show_gist(folder: Path) -> None:
    """Print the arms beside each other in a few figures."""
    columns, rows = gist(compared_arms(folder))
    if len(columns) == 1:
        return  # no figures yet
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    show(table)


def _checked(recipe: Recipe, folder: Path, until: str | None, begin: str | None, redo: bool) -> list[_Arm]:
    """The arms with what each will do. Raises InputError, with nothing changed, where one of them cannot be run."""
    _check_stages(begin, until)
    arms = []
    for name, own in arm_recipes(recipe).items():
        run = Run(folder / ARMS / name)
        try:
            own.check_trainings()
            plan = steps(own, run)
            window = _window([step.name for step in plan], begin, until)
            if window is None:
                continue
            work = check(plan, run, begin=window[0], until=window[1], redo=redo)
        except InputError as error:
            raise InputError(f"arm {name}: {error}") from None
        arms.append(_Arm(name, own, run, *window, pending=bool(work)))
    return arms


def _check_stages(begin: str | None, until: str | None) -> None:
    for name in (begin, until):
        if name is not None and name not in STAGES:
            raise InputError(f"stage '{name}': there is no such stage; {nearest(name, STAGES)}")
    if begin and until and STAGES.index(begin) > STAGES.index(until):
        raise InputError(f"--from {begin} --until {until}: {begin} comes after {until}; swap them")


def _window(names: Sequence[str], begin: str | None, until: str | None) -> tuple[str | None, str | None] | None:
    """`begin` and `until` among an arm's own stages: the next one after, the last one before; None where it has no
    stage between them."""
    first = next((name for name in names if begin and STAGES.index(name) >= STAGES.index(begin)), None)
    last = next((name for name in reversed(names) if until and STAGES.index(name) <= STAGES.index(until)), None)
    return None if first and last and STAGES.index(first) > STAGES.index(last) else (first, last)


def _siblings(folder: Path, arms: Sequence[_Arm], number: int, *, fresh: bool) -> list[Run]:
    """The runs that an arm may adopt stages from, those that this call has been through first."""
    been = [arm.run for arm in arms[:number]]
    known = {arms[number].run.path, *(run.path for run in been)}
    return been if fresh else [*been, *(run for run in beside(folder) if run.path not in known)]


def _run_arm(arm: _Arm, siblings: Sequence[Run], redo: bool, progress: Progress) -> bool:
    arm.run.path.mkdir(parents=True, exist_ok=True)
    chosen = {"until": arm.until, "begin": arm.begin}
    with locked(arm.run.path):
        worked = execute(arm.recipe, arm.run, progress, **chosen, redo=redo, siblings=siblings)
        if worked or not (arm.run.path / "report.html").exists():
            write_report(arm.run)
    return worked


def _tell_of_others(folder: Path, progress: Progress) -> None:
    others = sorted({run.path.name for run in beside(folder)} - set(arms_of(folder)))
    if others:
        progress.say(f"left as they are, no arms of this recipe: {', '.join(others)}")
