"""What graders say, as tables, and the signs of collapse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handmade import evaluation
from precepts.evals.board import Board, board
from precepts.evidence import Evaluation, Grade
from precepts.report.grades_table import collapse_doubts, grade_tables


def graded(model: str, grader: str, values: list[float | None], label: str | None = None) -> list[Evaluation]:
    def grade(value: float | None) -> Grade:
        return Grade(grader, label, value) if value is not None else Grade(grader, unscored="empty")

    rows = [evaluation(model, "helpful", n, "complies") for n in range(len(values))]
    return [replace(row, grades=(grade(value),)) for row, value in zip(rows, values, strict=True)]


def of(start: list[Evaluation], rl: list[Evaluation]) -> Board:
    return board({"start": start, "rl": rl}, [], seed=0)


def test_a_grader_has_a_row_and_one_for_each_label() -> None:
    found = of(graded("start", "repetition", [0.0, 0.5], "loop"), graded("rl", "repetition", [0.25, None]))
    (table,) = grade_tables(found)
    assert table.title == "Graders: helpful prompts" and table.columns == ("start", "RL-CAI")
    cells = {row.name: [cell.value for cell in row.cells] for row in table.rows}
    assert cells == {"repetition": ["0.25", "0.25"], "· loop": ["100\u00a0%", ""], "· unscored": ["0", "1"]}


def test_no_grades_no_table() -> None:
    assert grade_tables(board({}, [], seed=0)) == [] and list(collapse_doubts(board({}, [], seed=0))) == []


@pytest.mark.parametrize(
    ("grader", "start", "rl", "points"),
    [
        ("repetition", 0.5, 0.05, []),
        ("repetition", 0.0, 0.2, ["Answers repeat themselves"]),
        ("boilerplate", 0.0, 0.1, []),
        ("boilerplate", 0.0, 0.5, ["Answers are made of stock sentences"]),
        ("length", 0.0, 90.0, []),
    ],
)
def test_collapse_of_a_trained_model_is_doubted(grader: str, start: float, rl: float, points: list[str]) -> None:
    found = of(graded("start", grader, [start] * 3), graded("rl", grader, [rl] * 3))
    assert [doubt.point for doubt in collapse_doubts(found)] == points
