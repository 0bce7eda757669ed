"""RL on its way, as the monitors saw it: curves, a table, and the doubts that they raise.

A run that was not monitored shows its rollouts alone, in equal stretches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Any

from precepts.evals.monitors import Look
from precepts.evals.statistics import Estimate
from precepts.report.doubts import Doubt
from precepts.report.drawing import DASHED, Picture, as_svg, colour, figure, grid
from precepts.report.gather import Gathered
from precepts.report.grades_table import REPEATED, STOCK
from precepts.report.numbers import Cell, mean_cell, mean_words, percent, share_cell, whole
from precepts.report.tables import Row, Table

WIDTH = 4.1  # inches
_COLUMNS = 7  # most looks of the table
_LOTS = {"rollouts": ("rl", "o"), "held aside": ("fourth", "s")}  # each one's colour and mark
_MEASURES = {
    "kl": "KL to SL-CAI, nats a token",
    "score": "Preference-model score",
    "words": "Words in an answer",
    "repetition": "Repetition",
    "boilerplate": "Boilerplate",
    "complied": "Harmful compliance",
    "refused": "Needless refusal",
}
_PICTURES = (
    ("How far RL has come", "monitors-way", ("score", "kl", "words")),
    ("Signs of going astray", "monitors-astray", ("repetition", "boilerplate", "complied", "refused")),
)
_SHARES = ("repetition", "boilerplate", "complied", "refused")


def monitor_pictures(found: Gathered) -> list[Picture]:
    """The curves, where RL has been looked at."""
    drawn = [_picture(found, title, name, measures) for title, name, measures in _PICTURES]
    return [each for each in drawn if each is not None]


def _picture(found: Gathered, title: str, name: str, measures: Sequence[str]) -> Picture | None:
    panels = {measure: series for measure in measures if (series := _series(found.looks, measure))}
    if not panels:
        return None
    rows = -(-len(panels) // 2)
    shown = [lot for lot in _LOTS if any(lot in series for series in panels.values())]
    with figure(WIDTH, 0.5 + 1.55 * rows) as drawn:
        places = list(drawn.subplots(rows, 2, squeeze=False).flat)
        for axes, (measure, series) in zip(places, panels.items(), strict=False):
            _panel(axes, _MEASURES[measure], series, _bound(found, measure))
        for axes in places[len(panels) :]:
            axes.set_visible(False)
        _legend(drawn, shown)
        svg = as_svg(
            drawn, name, f"{title}: figures of the policy by step of RL, of rollouts and of prompts held aside"
        )
    return Picture(title, svg, _caption(found, shown, measures))


def monitor_tables(found: Gathered) -> list[Table]:
    """The looks as figures: all of them, or evenly chosen ones with the first and the last."""
    if not found.looks:
        return []
    last = len(found.looks) - 1
    places = sorted({round(last * n / (_COLUMNS - 1)) for n in range(_COLUMNS)})
    chosen = [found.looks[place] for place in places]
    rows = [
        Row(title if name == "kl" else f"{title}: {lot}", cells)
        for name, title in _MEASURES.items()
        for lot in _LOTS
        for cells in [tuple(_cell(name, _estimate(each, lot, name)) for each in chosen)]
        if any(cell.value for cell in cells)
    ]
    note = (
        "Rollouts: those since the look before; graders read at most 100. Held aside: answers to prompts that no "
        "training and no other figure here has; their score, words, repetition and boilerplate are of red-team and "
        "helpful prompts."
    )
    columns = tuple(f"after step {whole(each.step)}" for each in chosen)
    return [Table("The looks as figures", note, columns, tuple(rows))]


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


def _estimate(look: Look, lot: str, name: str) -> Estimate:
    """A figure of one lot of a look; the KL is of the rollouts and has no interval."""
    if name == "kl":
        known = lot == "rollouts" and not isnan(look.kl)
        return Estimate(look.kl, nan, nan, look.rollouts.answers) if known else Estimate(nan, nan, nan, 0)
    found: Estimate = getattr(look.rollouts if lot == "rollouts" else look.held_aside, name)
    return found


def _series(looks: Sequence[Look], name: str) -> dict[str, dict[int, Estimate]]:
    """A figure's points by step, of each lot that has some."""
    lots = {lot: {each.step: _estimate(each, lot, name) for each in looks} for lot in _LOTS}
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


def _caption(found: Gathered, shown: Sequence[str], measures: Sequence[str]) -> str:
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
    bounds = any(_bound(found, name) is not None for name in measures)
    dashed = " A dashed line is the bound that would end the training." if bounds else ""
    return f"{told}. Lines are 95 % intervals, by prompt.{dashed} A single training."


def _cell(name: str, estimate: Estimate) -> Cell:
    if not estimate.n:
        return Cell("", "", "")
    if name in _SHARES:
        return share_cell(estimate)
    return mean_cell(estimate, digits={"words": 0, "kl": 3}.get(name, 2), sign=name == "score")
