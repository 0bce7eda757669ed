"""Pictures of what a feedback model is worth, for the report and for the page of `precepts audit`.

1. Reliability: how often a probability came true, beside what was said; the dashed line is a perfect judge.
2. Accuracy by principle and by kind of comparison, each with its interval, beside the line of chance.
3. Agreement: how often two principles favour the same response.
Names in the pictures are those of principles and categories, escaped as all text of an SVG is.
"""

from __future__ import annotations

from collections.abc import Mapping

from precepts.evals.audit import Audit
from precepts.evals.statistics import Estimate
from precepts.report.drawing import DASHED, Dot, Picture, as_svg, colour, dots, figure
from precepts.report.numbers import percent, whole

WIDTH = 6.4  # inches
_TICKS = [0, 0.25, 0.5, 0.75, 1]
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
    said, true = [each.said for each in audit.reliability], [each.true for each in audit.reliability]
    with figure(WIDTH, 3.4) as drawn:
        axes = drawn.subplots()
        axes.plot([0, 1], [0, 1], **DASHED)
        for x, each in zip(said, true, strict=True):
            axes.plot([x, x], [each.low, each.high], color=colour("data"), linewidth=2.2, solid_capstyle="round")
        axes.plot(said, [each.value for each in true], "o-", color=colour("data"), markersize=6, linewidth=0.9)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="probability said", ylabel="how often it was so")
        axes.set_xticks(_TICKS)
        axes.set_yticks(_TICKS)
        axes.grid(color=colour("faint"), linewidth=0.6)
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
        dots(axes, [("", [Dot(f"{key} ({each.n})", each, "data") for key, each in shown])], percent, reference=0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks(_TICKS, ["0\u00a0%", "25\u00a0%", "chance", "75\u00a0%", "100\u00a0%"])
        svg = as_svg(drawn, name, title)
    left = f" {len(rows) - len(shown)} more are left out." if len(rows) > len(shown) else ""
    return Picture(title, svg, f"Number of comparisons in brackets; lines are 95 % intervals.{left}")


def _agreement(audit: Audit) -> Picture | None:
    names = sorted({name for pair in audit.agreement for name in pair})[:_MOST]
    if len(names) < 2:
        return None
    place = {name: n for n, name in enumerate(names)}
    size = 0.2 * len(names)
    with figure(WIDTH, 1.6 + size) as drawn:
        axes = drawn.subplots()
        for (one, other), each in audit.agreement.items():
            if one in place and other in place:
                x, y, area = place[one], place[other], 90 * abs(each.value - 0.5) * 2 + 4
                face = colour("data") if each.value >= 0.5 else colour("card")
                axes.scatter([x], [y], s=area, marker="s", color=face, edgecolor=colour("data"), linewidth=0.7)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.set_ylim(-0.6, len(names) - 0.4)
        svg = as_svg(drawn, "agreement", "How often principles favour the same response")
    return Picture(
        "Agreement between principles",
        svg,
        "A full square: two principles favour the same response oftener than not, an empty one: seldomer; its size "
        "says by how much. Two principles that always agree say the same thing twice.",
    )
