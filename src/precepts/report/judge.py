"""Pictures of what a feedback model is worth, for the report and for the page of `precepts audit`.

1. Reliability: how often a probability came true, beside what was said; the dashed line is a perfect judge.
2. Accuracy by kind of comparison and by principle, each with its interval, beside the line of chance.
3. Agreement: how often two principles favour the same response, as a map.
Names in the pictures are those of principles and categories, cut short, and escaped as all text of an SVG is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from precepts.evals.audit import Audit
from precepts.evals.statistics import Estimate
from precepts.report.drawing import Dot, Picture, as_svg, colour, dots, figure, reliability, short
from precepts.report.numbers import percent, whole

WIDTH = 4.1  # inches, as in the report
_MOST = 40  # rows of one picture


def judge_pictures(audit: Audit) -> list[Picture]:
    """All pictures that the audit has data for."""
    found = [
        reliability_picture(audit),
        _accuracy(audit.categories, "categories", "Agreement with people by kind of comparison"),
        _accuracy(audit.principles, "principles", "Agreement with people by principle"),
        _agreement(audit),
    ]
    return [each for each in found if each]


def reliability_picture(audit: Audit) -> Picture | None:
    """The reliability curve (paper fig. 9); None with nothing scored."""
    if not audit.reliability:
        return None
    with figure(WIDTH, 3.2) as drawn:
        axes = drawn.subplots()
        reliability(axes, audit.reliability, "data")
        axes.set(xlabel="probability said", ylabel="how often it was so")
        svg = as_svg(drawn, "reliability", "Reliability curve of the feedback model")
    return Picture(
        "Reliability of the feedback model",
        svg,
        f"What the feedback model said beside what people had chosen, {whole(audit.scored)} comparisons in both "
        f"orders, ten bins; lines are 95 % intervals. A perfect judge lies on the dashed line; one that knows nothing "
        "lies at one half whatever it says.",
    )


def _accuracy(shares: Mapping[str, Estimate], name: str, title: str) -> Picture | None:
    rows = [(key, each) for key, each in shares.items() if each.n]
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: -row[1].value) if name == "principles" else rows
    shown = ordered[:_MOST]
    with figure(WIDTH, 0.7 + 0.24 * len(shown)) as drawn:
        axes = drawn.subplots()
        named = [Dot(f"{short(key)} ({whole(each.n)})", each, "data") for key, each in shown]
        dots(axes, [("", named)], percent, reference=0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\u00a0%", "", "chance", "", "100\u00a0%"])
        svg = as_svg(drawn, name, title)
    left = f" {len(rows) - len(shown)} more are left out." if len(rows) > len(shown) else ""
    return Picture(
        title,
        svg,
        f"Share of decided comparisons, their number in brackets; lines are 95 % intervals, not adjusted for there "
        f"being several.{left}",
    )


def _agreement(audit: Audit) -> Picture | None:
    names = sorted({name for pair in audit.agreement for name in pair})[:_MOST]
    if len(names) < 2:
        return None
    with figure(WIDTH, 1.2 + min(2.8, 0.3 * (len(names) - 1))) as drawn:
        axes = drawn.subplots()
        for (one, other), each in audit.agreement.items():
            if one in names and other in names:
                _square(axes, names.index(one), names.index(other), each.value)
        axes.set_xticks(range(len(names) - 1), [short(name) for name in names[:-1]], rotation=90, fontsize=7)
        axes.set_yticks(range(1, len(names)), [short(name) for name in names[1:]], fontsize=7)
        axes.set_xlim(-0.6, len(names) - 1.4)
        axes.set_ylim(len(names) - 0.4, 0.4)
        axes.set_aspect("equal")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        svg = as_svg(drawn, "agreement", "How often principles favour the same response")
    return Picture(
        "Agreement between principles",
        svg,
        f"On the whole two principles favour the same response in {percent(audit.agreement_mean.value)} of the "
        "comparisons that both decide. The fuller a square, the oftener they do; an outline: seldomer than not. Two "
        "that always agree say the same thing twice.",
    )


def _square(axes: Any, x: int, y: int, share: float) -> None:
    """A square at (x, y): darker the further `share` is above one half, an outline below."""
    shade, strength = colour("data"), max(0.0, 2 * share - 1)
    look = {"facecolor": shade, "alpha": 0.12 + 0.88 * strength} if share >= 0.5 else {"facecolor": "none"}
    axes.add_patch(_patch(x, y, {**look, "edgecolor": shade if share < 0.5 else "none"}))


def _patch(x: int, y: int, look: dict[str, Any]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.42, y - 0.42), 0.84, 0.84, linewidth=0.8, **look)
