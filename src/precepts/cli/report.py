"""`precepts report`: write a run's page anew."""

from __future__ import annotations

from pathlib import Path

from precepts.errors import InputError
from precepts.report import write_report
from precepts.runs.folder import Run


def report_command(folder: Path) -> None:
    """Write the report and print where. Raises InputError where the folder is no run."""
    if not (folder / "recipe.yaml").is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
    print(f"Report: {write_report(Run(folder))}")
