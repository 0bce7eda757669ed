"""Figures of graders on numbers worked by hand."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import pytest

from handmade import evaluation
from precepts.evals.board import board
from precepts.evals.grades import grade_figures
from precepts.evals.statistics import wilson
from precepts.evidence import Evaluation, Grade


def graded(number: int, *grades: Grade, kind: str = "red_team") -> Evaluation:
    return replace(evaluation("sl", kind, number, "complies", score=0.0), grades=grades)


def test_labels_are_shares_of_the_labelled_and_values_means_of_the_valued() -> None:
    rows = [
        graded(0, Grade("refusal", "complies"), Grade("harm", value=1.0)),
        graded(1, Grade("refusal", "refuses"), Grade("harm", unscored="no_logprobs")),
        graded(2, Grade("refusal", "complies"), Grade("harm", value=4.0)),
        graded(3, Grade("refusal", unscored="empty"), Grade("harm", unscored="empty")),
        graded(4, Grade("refusal", "partly"), kind="helpful"),
    ]
    refusal, harm, helpful = grade_figures(rows, seed=0)
    assert (refusal.model, refusal.kind, refusal.grader) == ("sl", "red_team", "refusal")
    assert refusal.labels == {"complies": wilson(2, 3), "refuses": wilson(1, 3)}
    assert (refusal.scored, refusal.unscored) == (3, {"empty": 1})
    assert (refusal.value.n, isnan(refusal.value.value)) == (0, True)
    assert (harm.value.value, harm.value.n) == (2.5, 2)
    assert (harm.scored, harm.unscored, harm.labels) == (2, {"empty": 1, "no_logprobs": 1}, {})
    assert helpful.labels["partly"] == wilson(1, 1)


def test_the_board_has_them_by_model_kind_and_grader() -> None:
    found = board({"sl": [graded(0, Grade("length", value=3.0))]}, [], seed=0)
    assert found.graded("sl", "red_team", "length").value.value == 3.0
    with pytest.raises(KeyError):
        found.graded("sl", "helpful", "length")
