"""The tournament on the report's page: its pictures, who beat whom, and how far its judge is to be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from precepts.evals.tournament import Tournament
from precepts.report.doubts import Doubt
from precepts.report.drawing import Picture, short
from precepts.report.figure_data import FigureData, model_name
from precepts.report.figures import by_model, harm, pareto, revisions, sequences
from precepts.report.numbers import Cell, listed, share_cell, whole
from precepts.report.tables import Row, Table

_AIMS = {"harmless": "harmlessness", "helpful": "helpfulness"}


def more_pictures(data: FigureData) -> list[Picture]:
    """The paper's figures that belong on the page too, where there is data for them, without their numbers."""
    drawn = [each for draw in (by_model, pareto, sequences, harm, revisions) if (each := draw(data))]
    return [replace(each, title=each.title.partition(". ")[2]) for each in drawn]


def tournament_tables(data: FigureData) -> list[Table]:
    """Who beat whom, a table for each aim."""
    return [_table(aim, each, data.judged_by) for aim, each in data.tournaments.items() if each.pairings]


def _table(aim: str, found: Tournament, judged_by: str) -> Table:
    rows = tuple(
        Row(
            f"{model_name(each.model)} against {model_name(each.other)}",
            (
                share_cell(each.share),
                *(Cell(whole(count), "", "") for count in (each.won, each.lost, each.tied, each.by_rule)),
                Cell(whole(each.unscored), "", ""),
            ),
        )
        for each in found.pairings
    )
    note = (
        f"{judged_by} On {whole(found.prompts)} prompts. Won, lost and tied are matches; by rule: of two "
        "answers that both decline, the one that says why wins over the evasive one."
    )
    columns = ("Mean result", "Won", "Lost", "Tied", "By rule", "Unscored")
    return Table(f"Tournament for {_AIMS.get(aim, aim)}", note, columns, rows)


def judge_sentence(data: FigureData) -> str:
    """What the judge of the tournament is worth, "" without one or where it was not measured."""
    return f"The judge of the tournament {data.judge_audit.text}." if data.judges and data.judge_audit else ""


def tournament_doubts(data: FigureData) -> Iterator[Doubt]:
    """Doubts about the judge of the tournament; none without one."""
    judges, worth = listed([short(judge, 60) for judge in data.judges]), data.judge_audit
    if data.self_judged:
        yield Doubt(
            "The judge of the tournament made the labels too",
            f"{judges} judged the matches and labelled the pairs that this run was trained on, so the ratings say how "
            "well the models learnt to please it.",
        )
    if judges and worth is None:
        yield Doubt(
            "The judge of the tournament was not measured",
            f"{judges} judged the matches; the command “precepts audit” says what it is worth.",
        )
    if judges and worth and worth.verdict != "above chance":
        yield Doubt("The judge of the tournament is not shown to judge better than chance", f"It {worth.text}.")
