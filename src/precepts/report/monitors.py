"""RL on its way, as the monitors saw it: curves, a table, and the doubts that they raise.

A run that was not monitored shows its rollouts alone, in equal stretches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

from precepts.evals.monitors import Look, Watched
from precepts.evals.statistics import Estimate
from precepts.report.doubts import Doubt
from precepts.report.drawing import DASHED, Picture, as_svg, colour, figure, grid
from precepts.report.gather import Gathered
from precepts.report.grades_table import REPEATED, STOCK
from precepts.report.numbers import Cell, decimal, mean_cell, mean_words, percent, share_cell, whole
from precepts.report.tables import Row, Table

WIDTH = 4.1  # inches
_COLUMNS = 7  # most looks of the table
_LOTS = {"rollouts": ("rl", "o"), "held aside": ("fourth", "s")}  # each one's colour and mark
_MEASURES = {
    "score": "Preference-model score",
    "words": "Words in an answer",
    "repetition": "Repetition",
    "boilerplate": "Boilerplate",
    "complied": "Harmful compliance",
    "refused": "Needless refusal",
}
_SHARES = ("repetition", "boilerplate", "complied", "refused")


def monitor_pictures(found: Gathered) -> list[Picture]:
    """The curves, where RL has been looked at."""
    panels = {name: _series(found.looks, name) for name in _MEASURES}
    panels = {name: series for name, series in panels.items() if series}
    kl = [(each.step, each.kl) for each in found.looks if not isnan(each.kl)]
    if not panels:
        return []
    many = len(panels) + bool(kl)
    with figure(WIDTH, 0.5 + 1.5 * -(-many // 2)) as drawn:
        axes = list(drawn.subplots(-(-many // 2), 2, squeeze=False).flat)
        for place, (name, series) in zip(axes, panels.items(), strict=False):
            _panel(place, _MEASURES[name], series, _bound(found, name))
        if kl:
            _kl(axes[len(panels)], kl, _bound(found, "kl"))
        for place in axes[many:]:
            place.set_visible(False)
        shown = {lot for series in panels.values() for lot in series}
        _legend(drawn, [lot for lot in _LOTS if lot in shown])
        svg = as_svg(
            drawn, "monitors", "Figures of the policy by step of RL, of its rollouts and of prompts held aside"
        )
    return [Picture("On its way through RL", svg, _caption(found, shown))]


def monitor_tables(found: Gathered) -> list[Table]:
    """The looks as figures: all of them, or evenly chosen ones with the first and the last."""
    if not found.looks:
        return []
    last = len(found.looks) - 1
    places = sorted({round(last * n / (_COLUMNS - 1)) for n in range(_COLUMNS)})
    chosen = [found.looks[place] for place in places]
    rows = [Row("KL to SL-CAI, nats a token", tuple(Cell(decimal(each.kl, 3), "", "") for each in chosen))]
    for name, title in _MEASURES.items():
        cells = {lot: tuple(_cell(name, getattr(_lot(each, lot), name)) for each in chosen) for lot in _LOTS}
        rows += [Row(f"{title}: {lot}", each) for lot, each in cells.items() if any(cell.value for cell in each)]
    note = (
        "Rollouts: those since the look before; graders read at most 100. Held aside: answers to prompts that no "
        "training and no other figure here has; their score, words, repetition and boilerplate are of red-team and "
        "helpful prompts."
    )
    columns = tuple(f"after step {whole(each.step)}" for each in chosen)
    return [Table("On its way through RL", note, columns, tuple(rows))]


def monitor_doubts(found: Gathered) -> Iterator[Doubt]:
    """What the looks, and the rule that ends a training, give reason to doubt."""
    state = found.states["rl"]
    if state and state.stopped:
        yield Doubt("RL was ended by its stop rule", f"It ended {state.stopped}; RL-CAI is the policy at that point.")
    if not found.looks:
        return
    for name, most, point in (
        ("repetition", REPEATED, "RL's rollouts repeat themselves"),
        ("boilerplate", STOCK, "RL's rollouts are made of stock sentences"),
    ):
        figures: Estimate = getattr(found.looks[-1].rollouts, name)
        if figures.value > most:
            yield Doubt(point, f"At the end of RL the grader {name} finds {percent(figures.value)} of their text.")
    yield from _gap(found.looks)


def _gap(looks: Sequence[Look]) -> Iterator[Doubt]:
    both = [each for each in looks if each.rollouts.score.n and each.held_aside.score.n]
    if len(both) < 2:
        return
    first, last = both[0], both[-1]
    if (
        last.rollouts.score.low > first.rollouts.score.high
        and not last.held_aside.score.low > looks[0].held_aside.score.high
    ):
        yield Doubt(
            "The score rose on RL's own prompts and is not shown to have risen on prompts held aside",
            f"Rollouts: from {mean_words(first.rollouts.score, sign=True)} to "
            f"{mean_words(last.rollouts.score, sign=True)}; held aside: from "
            f"{mean_words(looks[0].held_aside.score, sign=True)} to {mean_words(last.held_aside.score, sign=True)} "
            f"(n = {whole(last.held_aside.score.n)}).",
        )


def _lot(look: Look, lot: str) -> Watched:
    return look.rollouts if lot == "rollouts" else look.held_aside


def _series(looks: Sequence[Look], name: str) -> dict[str, dict[int, Estimate]]:
    """A figure's points by step, of each lot that has some."""
    lots = {lot: {each.step: getattr(_lot(each, lot), name) for each in looks} for lot in _LOTS}
    known = {lot: {step: e for step, e in points.items() if e.n} for lot, points in lots.items()}
    return {lot: points for lot, points in known.items() if points}


def _bound(found: Gathered, name: str) -> float | None:
    bound = found.setting("rl", "stop", name)
    return float(bound) if isinstance(bound, (int, float)) else None


def _panel(axes: Any, title: str, series: Mapping[str, Mapping[int, Estimate]], bound: float | None) -> None:
    for lot, points in series.items():
        role, mark = _LOTS[lot]
        for step, each in points.items():
            axes.plot([step] * 2, [each.low, each.high], color=colour(role), linewidth=1.6, alpha=0.4)
        style = {"marker": mark, "color": colour(role), "linewidth": 1.2, "markersize": 3.5}
        axes.plot(list(points), [each.value for each in points.values()], **style)
    _finished(axes, title, bound)


def _kl(axes: Any, points: Sequence[tuple[int, float]], bound: float | None) -> None:
    axes.plot(*zip(*points, strict=True), marker="o", color=colour("rl"), linewidth=1.2, markersize=3.5)
    _finished(axes, "KL to SL-CAI", bound)


def _finished(axes: Any, title: str, bound: float | None) -> None:
    if bound is not None:
        axes.axhline(bound, **DASHED)
    axes.set_title(title, fontsize=8.5, loc="left")
    axes.tick_params(labelsize=8)
    axes.locator_params(nbins=4)
    grid(axes)


def _legend(drawn: Any, lots: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour(role), marker=mark, linewidth=1.2, markersize=4, label=lot)
        for lot in lots
        for role, mark in [_LOTS[lot]]
    ]
    drawn.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, borderaxespad=0.2)


def _caption(found: Gathered, shown: set[str]) -> str:
    last = found.looks[-1]
    told = (
        f"By step, at {whole(len(found.looks))} looks; at each, the rollouts since the one before "
        f"({whole(last.rollouts.answers)} at the last)"
    )
    if "held aside" in shown:
        told += (
            f", and answers to {whole(last.held_aside.answers)} held-out prompts that were held aside: they train "
            "nothing and no other figure here counts them"
        )
    bounds = any(_bound(found, name) is not None for name in (*_MEASURES, "kl"))
    dashed = " A dashed line is the bound that would end the training." if bounds else ""
    return f"{told}. Lines are 95 % intervals, by prompt.{dashed} A single training."


def _cell(name: str, estimate: Estimate) -> Cell:
    if not estimate.n:
        return Cell("", "", "")
    if name in _SHARES:
        return share_cell(estimate)
    return mean_cell(estimate, digits=0 if name == "words" else 2, sign=name == "score")
