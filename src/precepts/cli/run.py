"""`precepts run`: run a recipe in a run folder, write the report, show what changed."""

from __future__ import annotations

import os
import textwrap
import warnings
from pathlib import Path

from precepts.cli.arms import refuse_a_mix, run_arms
from precepts.cli.terminal import say
from precepts.errors import InputError
from precepts.method import STAGES, execute
from precepts.recipe import load_recipe, seeded
from precepts.report import before_after, write_report
from precepts.runs.folder import Run
from precepts.runs.lock import locked
from precepts.runs.progress import Progress
from precepts.texts import visible

_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}


def run_command(
    recipe_source: str,
    folder: Path,
    assignments: list[str],
    *,
    until: str | None,
    begin: str | None,
    redo: bool,
    quiet: bool,
    seeds: int | None = None,
) -> None:
    """Run, report, print; with `seeds`, so many seeds of the recipe as its arms. Raises PreceptsError."""
    hush()
    recipe = load_recipe(recipe_source, assignments)
    recipe = seeded(recipe, seeds) if seeds else recipe
    if not recipe.arms:  # which are checked one by one
        recipe.check_trainings()
    make_run_folder(folder)
    refuse_a_mix(recipe, folder)
    if recipe.arms:
        run_arms(recipe, folder, until=until, begin=begin, redo=redo, quiet=quiet)
        return
    run, progress = Run(folder), Progress(quiet=quiet)
    with locked(folder):
        worked = execute(recipe, run, progress, until=until, begin=begin, redo=redo)
        report = run.path / "report.html"
        if worked or not report.exists():
            write_report(run)
    if not worked:
        say(f"Nothing to do: the stages {begin or STAGES[0]} to {until or STAGES[-1]} of {folder} are done.")
    state = run.state("evaluate")
    if state and state.done:
        _show(run)
    say(f"\nReport: {report}")


def make_run_folder(folder: Path) -> None:
    """Make the run folder, or check that it is one. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"--run {folder}: this is a file; give a folder") from None
    except (PermissionError, NotADirectoryError) as error:
        raise InputError(f"--run {folder}: cannot be made ({error.strerror}); give another folder") from None
    there = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    if there and "recipe.yaml" not in there:
        raise InputError(f"--run {folder}: this folder holds other files and is no run; give a new one")


def hush() -> None:
    """Keep the libraries' bars and advice out of the run's own progress."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore")


def _show(run: Run) -> None:
    trained = run.state("rl") is not None
    for each in before_after(run):
        say(f"\nPrompt: {_short(each.prompt)}")
        answers = [("before", each.start), ("SL-CAI", each.sl), *([("RL-CAI", each.rl)] if trained else [])]
        for label, text in answers:
            say(textwrap.fill(_short(text), 100, initial_indent=f"  {label}: ", subsequent_indent=" " * 10))


def _short(text: str | None) -> str:
    """One line, with a mark for each character that a terminal would obey."""
    if text is None:
        return "(no usable answer)"
    line = " ".join(visible(text).split())
    return line if len(line) <= 300 else line[:297] + "..."
