"""`precepts report`: write a run's page anew."""

from __future__ import annotations

from pathlib import Path

from precepts.errors import InputError
from precepts.report import write_comparison, write_report
from precepts.runs.folder import Run
from precepts.runs.sharing import arms_of


def report_command(folder: Path) -> None:
    """Write the report (with arms, each arm's too) and print where. Raises InputError where the folder is no run."""
    if not (folder / "recipe.yaml").is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
    arms = arms_of(folder)
    for run in arms.values():
        if (run.path / "recipe.yaml").is_file():
            write_report(run)
    print(f"Report: {write_comparison(folder) if arms else write_report(Run(folder))}")
