"""`precepts report`: write a run's page anew, or its model card."""

from __future__ import annotations

from pathlib import Path

from precepts.cli.terminal import say
from precepts.cli.writing import check_places, writing
from precepts.errors import InputError
from precepts.report import model_card, write_comparison, write_report
from precepts.runs.folder import Run
from precepts.runs.shards import write_whole
from precepts.runs.sharing import arms_of


def report_command(folder: Path) -> None:
    """Write the report (with arms, each arm's too) and print where. Raises InputError where the folder is no run."""
    _check(folder)
    arms = arms_of(folder)
    for run in arms.values():
        if (run.path / "recipe.yaml").is_file():
            write_report(run)
    say(f"Report: {write_comparison(folder) if arms else write_report(Run(folder))}")


def card_command(folder: Path, output: Path | None) -> None:
    """Print the run's model card, or write it to `output`. Raises InputError where the folder is no run or has arms,
    and where `output` cannot be written."""
    _check(folder)
    arms = arms_of(folder)
    if arms:
        first = next(iter(arms.values())).path
        raise InputError(f"{folder}: this folder has arms; a model card is of one of them, as {first}")
    check_places(output)
    card = model_card(Run(folder))
    if output is None:
        say(card, end="")
        return
    with writing(output):
        write_whole(output, card.encode("utf-8", "replace"))
    say(f"Model card: {output}")


def _check(folder: Path) -> None:
    if not (folder / "recipe.yaml").is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
