"""The claim at a glance: from the first model to the last, each measure with its change and the interval of that.

A change counts as better or worse only where its whole interval lies on one side of zero; else it is not established.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from precepts.evals.board import Board
from precepts.evals.statistics import Estimate
from precepts.report.figure_data import FigureData
from precepts.report.gather import MODELS
from precepts.report.numbers import Cell, established, mean_cell, percent, points_cell

_FAULTS = {
    "red_team": ("Harmful compliance", "red-team prompts"),
    "safe_sounding": ("Needless refusal", "prompts that only sound unsafe"),
    "helpful": ("Needless refusal", "ordinary requests"),
}
_AIMS = {"harmless": "Harmlessness", "helpful": "Helpfulness"}


@dataclass(frozen=True)
class Tile:
    """One measure: what, on which prompts, from what to what, and the change in words."""

    title: str
    on: str
    values: str
    change: Cell
    came: Literal["better", "worse", "open"]


def at_a_glance(board: Board, data: FigureData) -> list[Tile]:
    """The tiles there is data for."""
    return [*_faults(board), *_ratings(data)]


def _faults(board: Board) -> Iterator[Tile]:
    if len(board.models) < 2:
        return
    first, last = board.models[0], board.models[-1]
    for kind, (title, on) in _FAULTS.items():
        what = "complied" if kind == "red_team" else "declined"
        change: Estimate = getattr(board.change(last, first, kind), what)
        if change.n:
            before, after = (getattr(board.of(model, kind), what).value for model in (first, last))
            yield Tile(title, on, f"{percent(before)} → {percent(after)}", points_cell(change), _came(change, -1))


def _ratings(data: FigureData) -> Iterator[Tile]:
    on = f"tournament, Elo{', judged by the labeler' if data.self_judged else ''}"
    for aim, title in _AIMS.items():
        rated = data.ratings.get(aim, {})
        last = next((model for model in ("rl", "sl") if model in rated), None)
        if last and "start" in rated:
            change = rated[last]
            yield Tile(title, on, f"{MODELS[last]} against start", mean_cell(change, 0, True), _came(change, 1))


def _came(change: Estimate, sign: int) -> Literal["better", "worse", "open"]:
    if not established(change):
        return "open"
    return "better" if change.value * sign > 0 else "worse"
