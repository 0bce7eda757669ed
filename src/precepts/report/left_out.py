"""Data hygiene: what was left out on the way, stage by stage, with its reason and of how many."""

from __future__ import annotations

from collections.abc import Iterator

from precepts.report.gather import MODELS, Gathered
from precepts.report.numbers import Cell, percent, whole
from precepts.report.tables import Row, Table

_LEARNT = ("revisions", "helpful responses")  # the counts of stage sl that are not of what was left out
_NAMED = ("left out", "given twice")  # in a count's name


def left_out_table(found: Gathered) -> Table:
    """The counts, with their share where it is known of how many; no rows where nothing was left out."""
    rows = tuple(Row(name, (_cell(count, of),)) for name, count, of in _rows(found) if count)
    note = "Nothing below was trained on or counted in a share. A reply that cannot be used is never a tie or a zero."
    return Table("What was left out", note, ("Rows",), rows)


def _cell(count: int, of: int) -> Cell:
    return Cell(whole(count), percent(count / of) if of else "", f"of {whole(of)}" if of else "")


def _rows(found: Gathered) -> Iterator[tuple[str, int, int]]:
    yield from ((f"prompts · {name}", count, 0) for name, count in _counts(found, "prompts") if _is_named(name))
    for stage in ("respond", "revise", "pairs", "label"):
        counts = _counts(found, stage)
        total = sum(count for _, count in counts)
        yield from ((f"{stage} · {name}", count, total) for name, count in counts if name.startswith("un"))
    yield "revise · repeats its critique, or changes nothing against it", found.echoes, found.revised.get("", 0)
    learnt = _counts(found, "sl")
    total = sum(count for _, count in learnt)
    yield from ((f"sl · {name}", count, total) for name, count in learnt if name not in _LEARNT)
    for model, name in MODELS.items():
        rows = found.answers.get(model, [])
        yield f"evaluate · {name} without a verdict", sum(row.verdict is None for row in rows), len(rows)


def _counts(found: Gathered, stage: str) -> list[tuple[str, int]]:
    state = found.states.get(stage)
    return list(state.counts.items()) if state else []


def _is_named(name: str) -> bool:
    return any(part in name for part in _NAMED)
