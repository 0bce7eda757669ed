"""Drawings for a page: matplotlib figures as inline SVG that take the page's own colours and fonts.

1. Figures are drawn in stand-in colours, one for each role, which become CSS variables in the SVG. So one picture
   reads on light and dark, and in print.
2. Text stays text, and the same data gives the same bytes: no date, salted ids, no global pyplot state.
3. Ids get a prefix, so that several pictures share a page; metadata and matplotlib's page-wide style are dropped.
4. Fixed words are drawn, and names that the records give (principles, categories), control characters made visible;
   never a model's text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import isnan
from typing import Any

from markupsafe import Markup

from precepts.evals.reliability import Point
from precepts.evals.statistics import Estimate
from precepts.texts import CONTROL

ROLES = (
    "ink", "faint", "card", "start", "sl", "rl", "data", "baseline", "complies", "partly", "refuses", "evades",
    "on-bar", "fourth",
)  # fmt: skip
_LINES = (("rl", "o"), ("sl", "s"), ("start", "D"), ("fourth", "v"))  # each line's colour and mark
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "precepts",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "text.parse_math": False,
}


def colour(role: str) -> str:
    """The stand-in colour of a role of ROLES."""
    return f"#fe{ROLES.index(role) + 16:02x}01"


DASHED = {"color": colour("ink"), "linewidth": 0.9, "linestyle": (0, (3, 3))}


@dataclass(frozen=True)
class Dot:
    """One row of a dot plot: its name, its estimate, its colour's role, and whether it is a baseline (hollow)."""

    name: str
    estimate: Estimate
    role: str
    hollow: bool = False


@dataclass(frozen=True)
class Picture:
    """An inline SVG with its title and caption."""

    title: str
    svg: Markup
    caption: str


@contextmanager
def figure(width: float, height: float) -> Iterator[Any]:
    """A matplotlib Figure of that size (inches) under our settings."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    ink = colour("ink")
    colours = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), ink)
    with matplotlib.rc_context({**_SETTINGS, **colours}):
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(drawn)
        yield drawn


def as_svg(drawn: Any, name: str, description: str) -> Markup:
    """The figure as inline SVG, safe to put in a page; `name` prefixes its ids. Call inside `figure`."""
    sink = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    drawn.savefig(sink, format="svg", transparent=True, metadata=nothing)
    svg = CONTROL.sub("\ufffd", sink.getvalue())
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    for role in ROLES:
        svg = svg.replace(colour(role), f"var(--{role})")
    label = Markup.escape(description)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))


def short(name: str, longest: int = 24) -> str:
    """A name from the records, for a picture: cut, its control characters made visible."""
    return CONTROL.sub("\ufffd", name if len(name) <= longest else f"{name[: longest - 1]}…")


def dots(
    axes: Any,
    groups: Sequence[tuple[str, Sequence[Dot]]],
    form: Callable[[float], str],
    reference: float | None = None,
) -> None:
    """Rows of estimates with their intervals, group by group from the top; `form` writes a value, and a dashed line
    through each group marks the `reference`."""
    row, ticks = 0.0, []
    for title, rows in groups:
        if title:
            axes.text(0, row, title, transform=axes.get_yaxis_transform(), weight="bold", va="center", ha="left")
            row += 1
        if reference is not None:
            axes.plot([reference] * 2, [row - 0.45, row + len(rows) - 0.55], **DASHED)
        for dot in rows:
            ticks.append((row, dot.name))
            _dot(axes, dot, row, form)
            row += 1
        row += 0.35
    axes.set_yticks([place for place, _ in ticks], [name for _, name in ticks])
    axes.set_ylim(row - 0.6, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=colour("faint"), linewidth=0.6)
    axes.set_axisbelow(True)


def reliability(axes: Any, curve: Sequence[Point], role: str) -> None:
    """A reliability curve: what was said against how often it came true, with intervals, and a perfect judge's line."""
    shade, said = colour(role), [each.said for each in curve]
    axes.plot([0, 1], [0, 1], **DASHED)
    for each in curve:
        axes.plot([each.said] * 2, [each.true.low, each.true.high], color=shade, linewidth=2, solid_capstyle="round")
    axes.plot(said, [each.true.value for each in curve], "o-", color=shade, markersize=5, linewidth=0.9)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.grid(color=colour("faint"), linewidth=0.6)
    axes.set_axisbelow(True)


def lines(axes: Any, series: Sequence[tuple[str, Mapping[int, Estimate]]]) -> None:
    """A line with intervals for each series of points (by x), named where it ends; they stand a little apart, so that
    each interval can be seen."""
    ends = max(max(points) for _, points in series)
    apart = ends / 90
    last: list[tuple[float, str]] = []
    for place, (name, points) in enumerate(series):
        role, marker = _LINES[place % len(_LINES)]
        shade, shift = colour(role), (place - (len(series) - 1) / 2) * apart
        for at, each in points.items():
            interval = {"color": shade, "linewidth": 2, "alpha": 0.5, "solid_capstyle": "round"}
            axes.plot([at + shift] * 2, [each.low, each.high], **interval)
        x, y = [at + shift for at in points], [each.value for each in points.values()]
        axes.plot(x, y, marker=marker, color=shade, linewidth=1.3, markersize=5)
        last.append((y[-1], name))
    low, high = axes.get_ylim()
    heights = _apart([y for y, _ in last], (high - low) * 0.075)
    for place, ((_, name), height) in enumerate(zip(last, heights, strict=True)):
        role, marker = _LINES[place % len(_LINES)]
        axes.plot([ends * 1.09], [height], marker=marker, color=colour(role), markersize=5)
        axes.text(ends * 1.13, height, name, va="center", fontsize=8.5)
    axes.set_xlim(-ends * 0.05, ends * (1.16 + 0.024 * max(len(name) for name, _ in series)))
    grid(axes)


def grid(axes: Any) -> None:
    """Faint lines behind the data."""
    axes.grid(color=colour("faint"), linewidth=0.6)
    axes.set_axisbelow(True)


def crosses(axes: Any, points: Sequence[tuple[str, Estimate, Estimate, str]]) -> None:
    """Points (name, x, y, role) with their two intervals, each named where no other name or point stands; one that has
    no value is left out. Call when all else is drawn."""
    found = [point for point in points if not (isnan(point[1].value) or isnan(point[2].value))]
    for _, x, y, role in found:
        line = {"color": colour(role), "linewidth": 1.6, "alpha": 0.5, "solid_capstyle": "round"}
        axes.plot([x.low, x.high], [y.value] * 2, **line)
        axes.plot([x.value] * 2, [y.low, y.high], **line)
        axes.plot([x.value], [y.value], "o", color=colour(role), markersize=6)
    beside_points(axes, [(name, x.value, y.value) for name, x, y, _ in found])


def beside_points(axes: Any, points: Sequence[tuple[str, float, float]], size: float = 8.5) -> None:
    """Write a name beside each point (name, x, y) where no other name or point stands; call when all is drawn."""
    axes.figure.draw_without_rendering()  # so that the places are final
    to_points = 72 / axes.figure.dpi
    places = [tuple(axes.transData.transform((x, y)) * to_points) for _, x, y in points]
    taken = [_Box(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    for (name, x, y), (left, low) in zip(points, places, strict=True):
        width, found = 0.6 * size * len(name), _PLACES[0]
        for right, up in _PLACES:
            start = left + right - (width if right < 0 else 0)
            box = _Box(start, low + up, start + width, low + up + size)
            if not any(box.meets(other) for other in taken):
                found = (right, up)
                taken.append(box)
                break
        align = "right" if found[0] < 0 else "left"
        axes.annotate(name, (x, y), xytext=found, textcoords="offset points", fontsize=size, ha=align)


_PLACES = tuple((side * 6, up) for up in (6, -13, 17, -24, 28, -35) for side in (1, -1))  # in points, nearest first


@dataclass(frozen=True)
class _Box:
    left: float
    low: float
    right: float
    high: float

    def meets(self, other: _Box) -> bool:
        """Whether the two share any room."""
        across = self.left < other.right and other.left < self.right
        return across and self.low < other.high and other.low < self.high


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """Heights for labels, in the same order, none nearer than `least` to another; worked: 1, 1 and 5 with 2 give 1, 3
    and 5."""
    placed = list(heights)
    order = sorted(range(len(placed)), key=lambda place: placed[place])
    for below, above in pairwise(order):
        placed[above] = max(placed[above], placed[below] + least)
    return placed


def _dot(axes: Any, dot: Dot, row: float, form: Callable[[float], str]) -> None:
    estimate, shade = dot.estimate, colour(dot.role)
    if isnan(estimate.value):
        axes.text(1.02, row, "n = 0", transform=axes.get_yaxis_transform(), va="center", fontsize=8)
        return
    if not isnan(estimate.low):
        axes.plot([estimate.low, estimate.high], [row, row], color=shade, linewidth=2.2, solid_capstyle="round")
    face = colour("card") if dot.hollow else shade
    axes.plot([estimate.value], [row], "o", markersize=6, color=shade, markerfacecolor=face, markeredgewidth=1.6)
    axes.text(1.02, row, form(estimate.value), transform=axes.get_yaxis_transform(), va="center", fontsize=8)
