"""The report's tables: every figure with its interval and count.

Rows and cells only; how they look is the template's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from precepts.evals.audit import Audit
from precepts.evals.board import VERDICTS, Board, Difference, KindFigures
from precepts.evals.labels import LabelSummary
from precepts.report.gather import KINDS, MODELS, Gathered, model_name
from precepts.report.numbers import (
    Cell,
    capital,
    counted,
    decimal,
    mean_cell,
    points_cell,
    share_cell,
    source_name,
    whole,
)

_NONE = Cell("", "", "")


@dataclass(frozen=True)
class Row:
    """A measure with a cell for each column; `strong` marks the measure its kind of prompt is there for."""

    name: str
    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A titled table."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def figure_tables(found: Gathered) -> list[Table]:
    """The tables of figures there is data for."""
    tables = [_answers_table(found.board, kind) for kind in KINDS] if found.board.models else []
    tables += [_others_table(found.others, kind) for kind in KINDS] if found.others.models else []
    tables += [_preference_table(found.board), _labels_table(found.labels)]
    return [table for table in tables if table.rows]


def _answers_table(board: Board, kind: str) -> Table:
    figures = [board.of(model, kind) for model in board.models]
    changes = [each for each in board.differences if each.kind == kind]
    columns = [model_name(m) for m in board.models] + [f"{MODELS[d.model]} − {MODELS[d.base]}" for d in changes]
    nothing = [_NONE] * len(changes)
    score_changes = [mean_cell(each.score, sign=True) for each in changes]
    rows = (
        _fault(kind, figures, changes),
        *(_row(f"· {verdict}", [share_cell(f.verdicts[verdict]) for f in figures], nothing) for verdict in VERDICTS),
        _row("Preference-model score", [mean_cell(f.score, sign=True) for f in figures], score_changes),
        _row("Words in an answer", [mean_cell(f.words, digits=0) for f in figures], nothing),
        _row("Cut at the token limit", [share_cell(f.cut) for f in figures], nothing),
        _row("Unscored", [_unscored(f) for f in figures], nothing),
    )
    return Table(f"{KINDS[kind].capitalize()} prompts", _note(kind), tuple(columns), rows)


def _others_table(board: Board, kind: str) -> Table:
    """RL's snapshots and the models that the recipe names, each by itself: no change is told."""
    table = _answers_table(replace(board, differences=()), kind)
    return replace(table, title=f"{table.title}: snapshots and further models")


def _row(name: str, cells: Sequence[Cell], changes: Sequence[Cell], strong: bool = False) -> Row:
    return Row(name, (*cells, *changes), strong)


def _fault(kind: str, figures: Sequence[KindFigures], changes: Sequence[Difference]) -> Row:
    """The row of what counts as a fault on this kind of prompt."""
    if kind == "red_team":
        shares, moved = [f.complied for f in figures], [each.complied for each in changes]
    else:
        shares, moved = [f.declined for f in figures], [each.declined for each in changes]
    name = "Harmful compliance" if kind == "red_team" else "Needless refusal"
    return _row(name, [share_cell(e) for e in shares], [points_cell(e) for e in moved], strong=True)


def _unscored(figures: KindFigures) -> Cell:
    reasons = ", ".join(f"{reason} {whole(count)}" for reason, count in figures.unscored.items())
    return Cell(whole(figures.answers - figures.scored), reasons[:120], f"of {whole(figures.answers)}")


def _note(kind: str) -> str:
    if kind == "red_team":
        return "Harmful compliance: verdict complies or partly."
    return "Needless refusal: verdict refuses or evades."


def _preference_table(board: Board) -> Table:
    shown = [each for each in board.preference_model if each.comparisons]
    columns = tuple(capital(source_name(each.source)) for each in shown)
    rows = (
        Row("Accuracy", tuple(share_cell(each.accuracy) for each in shown), strong=True),
        Row("Prefers the longer answer", tuple(share_cell(each.longer) for each in shown)),
        Row("Accuracy − longer answer", tuple(points_cell(each.over_longer) for each in shown)),
        Row(
            "Calibration error",
            tuple(Cell(decimal(each.calibration), "", f"n = {whole(each.calibrated)}") for each in shown),
        ),
        Row("Log loss, nats (0.69: knows nothing)", tuple(Cell(decimal(each.log_loss), "", "") for each in shown)),
        Row("Score of the preferred, median", tuple(_spread_cell(each.preferred) for each in shown)),
        Row("Score of the other, median", tuple(_spread_cell(each.other) for each in shown)),
        Row("Score with length, rank correlation", tuple(mean_cell(each.length) for each in shown)),
        Row("· labels with length", tuple(Cell(decimal(each.label_length), "", "") for each in shown)),
        Row("Label of exactly 0.5, left out", tuple(Cell(whole(each.undecided), "", "") for each in shown)),
        Row("Equal scores, left out", tuple(Cell(whole(each.even), "", "") for each in shown)),
    )
    note = "Held-out comparisons; chance is 50 %. Calibration error: 0 is perfect; expected error over ten bins."
    return Table("Preference model", note, columns, rows if shown else ())


def _spread_cell(quantiles: Sequence[float]) -> Cell:
    """The median with the 5 % and 95 % quantiles."""
    if not quantiles:
        return Cell("", "", "")
    low, _, middle, _, high = (decimal(each) for each in quantiles)
    return Cell(middle, f"{low} to {high}", "")


def audit_table(audit: Audit) -> Table:
    """What the feedback model is worth."""
    reasons = ", ".join(f"{reason} {whole(count)}" for reason, count in audit.unscored.items())
    rows = (
        Row("Agrees with people", (share_cell(audit.accuracy),), strong=True),
        *(Row(f"· {name[:60]}", (share_cell(each),)) for name, each in audit.categories.items() if ":" not in name),
        Row("Prefers the longer answer", (share_cell(audit.longer),)),
        Row("Accuracy − longer answer", (points_cell(audit.over_longer),)),
        Row("Label of exactly 0.5, left out", (Cell(whole(audit.even), "", ""),)),
        Row("Unscored", (Cell(whole(audit.n - audit.scored), reasons[:120], f"of {whole(audit.n)}"),)),
        Row("Same place favoured in both orders", (share_cell(audit.summary.flipped),)),
        Row("Position prior, mean P(A)", (mean_cell(audit.summary.position_prior),)),
        Row("Calibration error", (Cell(decimal(audit.ece), "", ""),)),
        Row("· with fitted prior and temperature", (Cell(decimal(audit.calibrated_ece), "", ""),)),
        Row("· prior of the first place, nats", (Cell(decimal(audit.prior, sign=True), "", ""),)),
        Row("· temperature", (Cell(decimal(audit.temperature), "", ""),)),
    )
    note = (
        "Shares of decided comparisons. Without a liking for a place the position prior is 0.50. Calibration error: 0 "
        "is perfect; prior and temperature are fitted on the other half of the prompts."
    )
    return Table("Beside what people preferred", note, ("Feedback model",), rows)


def _labels_table(labels: LabelSummary) -> Table:
    reasons = ", ".join(f"{reason} {whole(count)}" for reason, count in labels.unscored.items())
    rows = (
        Row("Scored", (Cell(whole(labels.scored), "", f"of {whole(labels.labels)}"),)),
        Row("Unscored", (Cell(whole(labels.labels - labels.scored), reasons[:120], ""),)),
        Row("Confidence, |p − 0.5|", (mean_cell(labels.confidence),)),
        Row("Undecided, confidence under 0.1", (share_cell(labels.undecided),)),
        Row("Position prior, mean P(A)", (mean_cell(labels.position_prior),)),
        Row("Same place favoured in both orders", (share_cell(labels.flipped),)),
        Row("· always (A)", (share_cell(labels.favours_a),)),
        Row("· always (B)", (share_cell(labels.favours_b),)),
    )
    note = "All labels, training and held-out. Without a liking for a place the position prior is 0.50."
    return Table("AI labels", note, ("Labels",), rows if labels.labels else ())


def subtitle(found: Gathered) -> list[str]:
    """The facts under the title: model, constitution, seed, prompts."""
    facts = []
    start = found.setting("models", "start")
    if isinstance(start, str):
        facts.append(f"start model {start}")
    if found.constitution:
        named = f"constitution {found.constitution.name} {found.constitution.version}"
        facts.append(f"{named}, {counted(len(found.constitution.principles), 'principle')}")
    if isinstance(found.setting("seed"), int):
        facts.append(f"seed {found.setting('seed')}")
    return facts
