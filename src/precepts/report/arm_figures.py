"""The arms' figures side by side: tables, the few words for a terminal, and a picture of what a setting trades."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from precepts.evals.statistics import Estimate
from precepts.report.drawing import DASHED, Picture, as_svg, colour, crosses, figure, short
from precepts.report.gather import KINDS, MODELS
from precepts.report.gather_arms import Arm
from precepts.report.numbers import (
    Cell,
    capital,
    decimal,
    percent,
    share_cell,
    share_words,
    short_source,
    source_name,
    whole,
)
from precepts.report.tables import Row, Table

_NONE = Cell("", "", "")
_TRAINED = ("sl", "rl")
_TAUGHT = ("ai", "helpful", "harmless")
_WIDTH = 4.6  # inches
_FAULTS = {
    "red_team": "harmful compliance",
    "safe_sounding": "needless refusal, safe-sounding",
    "helpful": "needless refusal, helpful",
}


def arm_tables(arms: Sequence[Arm]) -> list[Table]:
    """The tables there is data for."""
    does = [_behaviour(arms, kind) for kind in KINDS]
    worth = [_preference(arms, source) for source in ("helpful", "harmless", "ai")]
    return [table for table in (*does, *worth, _taught(arms)) if table.rows]


def in_words(value: Any) -> str:
    """A setting's value, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _table(title: str, note: str, columns: Sequence[tuple[str, Sequence[Cell]]], arms: Sequence[Arm]) -> Table:
    """A row an arm; `columns` are those with their cells, and one that is empty throughout is left out."""
    shown = [(name, cells) for name, cells in columns if any(cell != _NONE for cell in cells)]
    rows = tuple(Row(arm.name, tuple(cells[place] for _, cells in shown)) for place, arm in enumerate(arms))
    return Table(title, note, tuple(name for name, _ in shown), rows if shown else ())


def _share(estimate: Estimate | None) -> Cell:
    return share_cell(estimate) if estimate is not None else _NONE


def _fault(arm: Arm, model: str, kind: str) -> Estimate | None:
    """What counts as a fault on this kind of prompt: harmful compliance, or a needless refusal."""
    figures = arm.figures(model, kind)
    return None if figures is None else figures.complied if kind == "red_team" else figures.declined


def _behaviour(arms: Sequence[Arm], kind: str) -> Table:
    columns = [(MODELS[model], [_share(_fault(arm, model, kind)) for arm in arms]) for model in _TRAINED]
    said = "complies or partly" if kind == "red_team" else "refuses or evades"
    note = f"Share of scored answers to held-out prompts ({said}), with 95 % intervals; lower is better."
    return _table(capital(_FAULTS[kind]), note, columns, arms)


def _preference(arms: Sequence[Arm], source: str) -> Table:
    found = [arm.preference(source) for arm in arms]
    columns = [
        ("Accuracy", [_share(each.accuracy if each else None) for each in found]),
        ("Prefers the longer answer", [_share(each.longer if each else None) for each in found]),
        ("Log loss", [Cell(decimal(each.log_loss), "", "") if each else _NONE for each in found]),
        ("Calibration error", [Cell(decimal(each.calibration), "", "") if each else _NONE for each in found]),
    ]
    note = (
        "Held-out comparisons, with 95 % intervals; chance is 50 %. “Prefers the longer answer” is what a judge by "
        "length would get on the same comparisons. Log loss in nats: 0.69 knows nothing. Calibration error: 0 is "
        "perfect."
    )
    return _table(f"Preference models, on {source_name(source)}", note, columns, arms)


def _taught(arms: Sequence[Arm]) -> Table:
    columns = [(capital(source_name(source)), [_count(arm.taught(source)) for arm in arms]) for source in _TAUGHT]
    return _table("Labels used", "Comparisons that each preference model was trained on.", columns, arms)


def _count(count: int | None) -> Cell:
    return _NONE if count is None else Cell(whole(count), "", "")


def gist(arms: Sequence[Arm]) -> tuple[list[str], list[list[str]]]:
    """The comparison for a terminal: the columns' names, and a row of words for each arm."""
    rows = [[arm.name, *(_faults(arm, kind) for kind in KINDS), _right(arm), _used(arm)] for arm in arms]
    names = ["arm", *_FAULTS.values(), "preference model right", "labels used"]
    kept = [place for place in range(len(names)) if any(row[place] for row in rows)]
    return [names[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _faults(arm: Arm, kind: str) -> str:
    shares = {MODELS[model]: _fault(arm, model, kind) for model in _TRAINED}
    return "\n".join(f"{name} {share_words(each)}" for name, each in shares.items() if each is not None)


def _right(arm: Arm) -> str:
    shown = [each for each in arm.board.preference_model if each.comparisons]
    return "\n".join(f"{short_source(each.source)} {share_words(each.accuracy)}" for each in shown)


def _used(arm: Arm) -> str:
    counts = {source: arm.taught(source) for source in _TAUGHT}
    return "\n".join(f"{short_source(source)} {whole(count)}" for source, count in counts.items() if count)


def trade(arms: Sequence[Arm]) -> Picture | None:
    """Helpfulness against harmlessness as the preference model has learnt them, a point an arm."""
    key = _numeric(arms)
    against = "harmless" if any(arm.preference("harmless") for arm in arms) else "ai"
    found = [(arm, arm.preference("helpful"), arm.preference(against)) for arm in arms]
    points = [(a, x.accuracy, y.accuracy) for a, x, y in found if x and y and x.accuracy.n and y.accuracy.n]
    if key is None or len(points) < 2:
        return None
    with figure(_WIDTH, _WIDTH * 0.9) as drawn:
        axes = drawn.subplots()
        axes.axhline(0.5, **DASHED)
        axes.axvline(0.5, **DASHED)
        axes.set(xlabel=f"right on {source_name('helpful')}", ylabel=f"right on {source_name(against)}")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: percent(value))
        axes.grid(color=colour("faint"), linewidth=0.6)
        axes.set_axisbelow(True)
        crosses(axes, [(short(in_words(arm.settings[key])), x, y, "data") for arm, x, y in points])
        svg = as_svg(drawn, "trade", f"Accuracy of the preference model by {key}, a point for each arm")
    return Picture(
        f"What {key} trades",
        svg,
        f"Accuracy of each arm's preference model on held-out {source_name('helpful')} (n = {_range(points, 1)}) and "
        f"{source_name(against)} (n = {_range(points, 2)}); the number beside a point is {key}. Lines are 95 % "
        "intervals; dashed is chance.",
    )


def _numeric(arms: Sequence[Arm]) -> str | None:
    """The one numeric setting in which the arms differ; seeds and descriptions may differ beside it."""
    keys = list(dict.fromkeys(key for arm in arms for key in arm.settings if key != "description"))
    keys = [key for key in keys if key != "seed"] if len(keys) > 1 else keys
    values = [arm.settings[key] for arm in arms for key in keys]
    return keys[0] if len(keys) == 1 and all(type(value) in (int, float) for value in values) else None


def _range(points: Sequence[tuple[Arm, Estimate, Estimate]], place: int) -> str:
    counts = [(x.n, y.n)[place - 1] for _, x, y in points]
    return whole(counts[0]) if min(counts) == max(counts) else f"{whole(min(counts))} to {whole(max(counts))}"
