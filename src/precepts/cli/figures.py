"""`precepts figures`: the paper's figures from a run's own records."""

from __future__ import annotations

from pathlib import Path

from precepts.cli.terminal import say
from precepts.cli.writing import writing
from precepts.errors import InputError
from precepts.report import write_figures


def figures_command(folder: Path, output: Path | None) -> None:
    """Draw what there is data for, print where, and what each missing figure needs. Raises InputError where the folder
    is no run, has nothing to draw, or `output` cannot be written."""
    if not (folder / "recipe.yaml").is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
    out = output or folder / "figures"
    with writing(out):
        (page, *drawn), missing = write_figures(folder, out)
    say(f"Figures: {page} ({', '.join(path.name for path in drawn) or 'none'})")
    for each in missing:
        say(f"Not drawn: {each}")
