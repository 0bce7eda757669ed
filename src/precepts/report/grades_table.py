"""What the graders say of each model's answers, as tables; and the signs of collapse that they see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isnan

from precepts.evals.board import Board
from precepts.evals.grades import GradeFigures
from precepts.report.doubts import Doubt
from precepts.report.figure_data import HARM
from precepts.report.gather import KINDS, model_name
from precepts.report.numbers import Cell, mean_cell, percent, share_cell, share_words, whole
from precepts.report.tables import Row, Table

REPEATED = 0.1  # share of an answer that is said again,
STOCK = 0.2  # or that is stock sentences; more is a sign of collapse
_NONE = Cell("", "", "")


def grade_tables(board: Board, graded_by: str = "") -> list[Table]:
    """A table for each kind of prompt that graders have graded answers to; `graded_by` says who graded harm."""
    tables = [_table(board, kind, name, graded_by) for kind, name in KINDS.items()]
    return [table for table in tables if table.rows]


def other_grade_tables(board: Board, graded_by: str = "") -> list[Table]:
    """The same for RL's snapshots and the models that the recipe names."""
    return [
        replace(each, title=f"{each.title}: snapshots and further models") for each in grade_tables(board, graded_by)
    ]


def _table(board: Board, kind: str, name: str, graded_by: str) -> Table:
    found = {(each.model, each.grader): each for each in board.grades if each.kind == kind}
    graders = dict.fromkeys(grader for _, grader in found)
    rows = tuple(row for grader in graders for row in _rows(grader, [found.get((m, grader)) for m in board.models]))
    note = (
        "Shares are of answers with a label, means of answers with a value; what a grader could not grade is unscored."
    )
    if HARM in graders and graded_by:
        note = f"{note} {HARM}: {graded_by}"
    return Table(f"Graders: {name} prompts", note, tuple(model_name(model) for model in board.models), rows)


def _rows(grader: str, figures: list[GradeFigures | None]) -> Iterator[Row]:
    labels = sorted({label for each in figures if each for label in each.labels})
    yield Row(grader, tuple(mean_cell(each.value) if each and each.value.n else _NONE for each in figures), strong=True)
    for label in labels:
        cells = (share_cell(each.labels[label]) if each and label in each.labels else _NONE for each in figures)
        yield Row(f"· {label[:60]}", tuple(cells))
    unscored = [sum(each.unscored.values()) if each else 0 for each in figures]
    if any(unscored):
        yield Row("· unscored", tuple(Cell(whole(count), "", "") for count in unscored))


def collapse_doubts(board: Board) -> Iterator[Doubt]:
    """Signs that a trained model has collapsed into repetition or stock sentences."""
    for grader, most, point in (
        ("repetition", REPEATED, "Answers repeat themselves"),
        ("boilerplate", STOCK, "Answers are made of stock sentences"),
    ):
        found = [each for each in board.grades if each.grader == grader and each.model != "start"]
        worst = max((each for each in found if not isnan(each.value.value)), key=lambda e: e.value.value, default=None)
        if worst and worst.value.value > most:
            share = share_words(worst.value) if worst.value.n > 1 else percent(worst.value.value)
            where = f"{model_name(worst.model)}'s answers to {KINDS.get(worst.kind, worst.kind)} prompts"
            yield Doubt(
                point,
                f"In {where} the grader {grader} finds {share} of the text, on average. Small models collapse so; "
                "read the transcripts.",
            )
