"""The paper's figures, drawn from a run's own records (Bai et al. 2022, figures 2 to 10 and 12).

1. Each figure says, in its caption, what is shown, of how many and with which interval, and how it departs from the
   paper's: its raters were people, its x axis often the model's size.
2. A figure that the run has no data for is told with what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from precepts.evals.audit import Audit
from precepts.evals.statistics import Estimate
from precepts.report.drawing import (
    DASHED,
    Dot,
    Picture,
    as_svg,
    colour,
    crosses,
    dots,
    figure,
    grid,
    lines,
    reliability,
    short,
)
from precepts.report.figure_data import Arm, FigureData, in_order, model_name
from precepts.report.numbers import capital, decimal, listed, percent, short_source, whole

WIDTH = 4.6  # inches
_PREFERENCES = {"both": "PM of both", "helpful": "helpful PM", "harmless": "harmless PM", "": "PM"}
_AIMS = {"harmless": "Harmlessness", "helpful": "Helpfulness"}
_INTERVAL = "Lines are 95\u00a0% intervals (bootstrap over prompts)."
TOURNAMENT = "stage tournament: the recipe's models judged against each other"


@dataclass(frozen=True)
class Figure:
    """One of the paper's figures: its number and name, how it is drawn (None where the data are missing), and what it
    needs."""

    number: int
    name: str
    draw: Callable[[FigureData], Picture | None]
    needs: str


def pareto(data: FigureData) -> Picture | None:
    """Figure 2: harmlessness against helpfulness, along RL."""
    rated = [model for model in _rated(data) if model in data.ratings["helpful"]] if len(data.ratings) == 2 else []
    if len(rated) < 2:
        return None
    with figure(WIDTH, 3.9) as drawn:
        axes = drawn.subplots()
        points = {m: (data.ratings["helpful"][m], data.ratings["harmless"][m]) for m in rated}
        path = [points[model] for model in rated if model != "start" and data.sequences(model) is not None]
        axes.plot([x.value for x, _ in path], [y.value for _, y in path], color=colour("rl"), linewidth=1, alpha=0.6)
        axes.set(xlabel="helpfulness, Elo", ylabel="harmlessness, Elo")
        grid(axes)
        crosses(axes, [(model_name(model), x, y, _role(model)) for model, (x, y) in points.items()])
        svg = as_svg(drawn, "figure-2", "Harmlessness against helpfulness of each model, the path of RL joined")
    return Picture(
        "Figure 2. Harmless against helpful",
        svg,
        f"Elo ratings of each model on held-out prompts, the start model at 0; the line joins SL-CAI, RL's snapshots "
        f"and RL-CAI. Up and right is better. {_INTERVAL} {_judged(data)}",
    )


def by_model(data: FigureData) -> Picture | None:
    """Figure 3: ratings by model."""
    models = [model for model in _rated(data) if not model_name(model).startswith("step ")]
    if not models:
        return None
    groups = [
        (title, [Dot(model_name(m), data.ratings[aim][m], _role(m)) for m in models if m in data.ratings[aim]])
        for aim, title in _AIMS.items()
        if aim in data.ratings
    ]
    with figure(WIDTH, 0.6 + sum(0.35 + 0.27 * len(rows) for _, rows in groups)) as drawn:
        axes = drawn.subplots()
        dots(axes, groups, lambda value: decimal(value, 0, sign=True), reference=0.0)
        axes.set_xlabel("Elo, the start model at 0")
        svg = as_svg(drawn, "figure-3", "Elo ratings of each model for harmlessness and helpfulness")
    return Picture("Figure 3. Ratings by model", svg, f"Elo of each model. {_INTERVAL} {_judged(data)}")


def accuracy(data: FigureData) -> Picture | None:
    """Figure 4: how often the feedback model and the preference model agree with the labels."""
    audit, worth = data.own.found.audit, data.own.found.board.preference_model
    groups: list[tuple[str, list[Dot]]] = []
    if audit and audit.accuracy.n:
        rows = [
            Dot("feedback model", audit.accuracy, "rl"),
            Dot("longer answer", audit.longer, "baseline", hollow=True),
        ]
        groups.append(("People's labels", rows))
    for each in worth:
        if each.accuracy.n:
            rows = [Dot("preference model", each.accuracy, "sl"), Dot("longer answer", each.longer, "baseline", True)]
            groups.append((short(capital(short_source(each.source)), 40), rows))
    if not groups:
        return None
    with figure(WIDTH, 0.6 + sum(0.35 + 0.27 * len(rows) for _, rows in groups)) as drawn:
        axes = drawn.subplots()
        dots(axes, groups, percent, reference=0.5)
        _shares(axes)
        svg = as_svg(drawn, "figure-4", "Accuracy of the feedback model and of the preference model, beside chance")
    return Picture(
        "Figure 4. Feedback and preference model",
        svg,
        "How often each names the response that the label prefers, on held-out comparisons, beside the rule that "
        f"prefers the longer answer. {_INTERVAL} The paper's comes by size of model; a run has one.",
    )


def revisions(data: FigureData) -> Picture | None:
    """Figure 5: score by number of revisions, by what the preference model has learnt."""
    arms = data.by(lambda arm: arm.preference)
    named = [(_PREFERENCES[arm.preference], arm.rounds) for arm in arms]
    told = (
        "" if len(arms) > 1 else " Arms with pm.helpful_weight: 0 and pm.harmless_weight: 0 add the other two models."
    )
    return _by_round(named, 5, "Score by number of revisions", f"One line for each preference model.{told}")


def principles(data: FigureData) -> Picture | None:
    """Figure 6: the number of principles."""
    arms = sorted(data.by(lambda arm: arm.principles), key=lambda arm: arm.principles)
    if len(arms) < 2:
        return None
    named = [("1 principle" if a.principles == 1 else f"{whole(a.principles)} principles", a.rounds) for a in arms]
    return _by_round(named, 6, "The number of principles", f"One line for each size of the constitution. {_one(arms)}")


def critiques(data: FigureData) -> Picture | None:
    """Figure 7: critique, then revision, against revising directly."""
    arms = data.by(lambda arm: arm.direct)
    if len(arms) < 2:
        return None
    named = [("direct revision" if arm.direct else "critique first", arm.rounds) for arm in arms]
    shares = [
        f"{name} {percent(arm.found.board.of('sl', 'red_team').complied.value)}"
        for (name, _), arm in zip(named, arms, strict=True)
        if "sl" in arm.found.board.models
    ]
    told = f" SL-CAI's harmful compliance: {listed(shares)}." if shares else ""
    return _by_round(named, 7, "Critique against direct revision", f"{_one(arms)}{told}")


def sequences(data: FigureData) -> Picture | None:
    """Figure 8: ratings along RL."""
    series = []
    for aim, title in _AIMS.items():
        found = data.ratings.get(aim, {})
        series.append(
            (title, {x: found[m] for m in _rated(data) if m in found and (x := data.sequences(m)) is not None})
        )
    series = [(name, points) for name, points in series if len(points) > 2]
    if not series:
        return None
    with figure(WIDTH, 3.2) as drawn:
        axes = drawn.subplots()
        lines(axes, series)
        axes.set(xlabel="RL sequences", ylabel="Elo, the start model at 0")
        svg = as_svg(drawn, "figure-8", "Elo ratings by the number of RL sequences")
    return Picture(
        "Figure 8. Ratings over RL", svg, f"From SL-CAI (0) over RL's snapshots to RL-CAI. {_INTERVAL} {_judged(data)}"
    )


def calibration(data: FigureData) -> Picture | None:
    """Figure 9: what a probability of the labels is worth."""
    audit = data.own.found.audit
    panels = [("Feedback model", audit.reliability, "rl")] if audit and audit.reliability else []
    worth = [each for each in data.own.found.board.preference_model if each.reliability][:3]
    panels += [(f"PM: {short(short_source(each.source))}", each.reliability, "sl") for each in worth]
    if not panels:
        return None
    with figure(WIDTH, 0.3 + 2.15 * -(-len(panels) // 2)) as drawn:
        all_axes = list(drawn.subplots(-(-len(panels) // 2), 2, squeeze=False).flat)
        for axes, (title, curve, role) in zip(all_axes, panels, strict=False):
            reliability(axes, curve, role)
            axes.set_title(title, fontsize=8.5, loc="left")
        for axes in all_axes[len(panels) :]:
            axes.set_visible(False)
        svg = as_svg(drawn, "figure-9", "Reliability curves of the feedback model and the preference model")
    return Picture(
        "Figure 9. Calibration",
        svg,
        "Across, the probability said; up, how often it was so, each comparison in both orders, in ten bins. Lines are "
        f"95 % intervals; dashed is a perfect judge.{_error(audit)}",
    )


def _error(audit: Audit | None) -> str:
    known = audit is not None and not isnan(audit.ece)
    return f" The feedback model's expected error is {decimal(audit.ece)}." if known and audit else ""


def harm(data: FigureData) -> Picture | None:
    """Figure 10: absolute harmfulness."""
    if not data.harm:
        return None
    rows = [Dot(model_name(model), each, _role(model)) for model, each in data.harm.items()]
    with figure(WIDTH, 0.8 + 0.3 * len(rows)) as drawn:
        axes = drawn.subplots()
        dots(axes, [("", rows)], decimal)
        axes.set(xlim=(-0.08, 4.08), xlabel="harmfulness: 0 none, 4 grave")
        svg = as_svg(drawn, "figure-10", "Mean harmfulness of each model's answers to red-team prompts, 0 to 4")
    return Picture(
        "Figure 10. Absolute harmfulness",
        svg,
        f"Mean grade of the answers to held-out red-team prompts by the grader harm; lower is better. {_INTERVAL} "
        f"{data.graded_by} The paper finetuned a model on people's marks; here a judge with a rubric gives them.",
    )


def identifying(data: FigureData) -> Picture | None:
    """Figure 12: identifying harm, by kind of comparison."""
    audit = data.own.found.audit
    rows = [(name, each) for name, each in audit.categories.items() if each.n and ":" not in name] if audit else []
    if not rows:
        return None
    with figure(WIDTH, 0.7 + 0.27 * len(rows)) as drawn:
        axes = drawn.subplots()
        named = [Dot(f"{short(name)} ({whole(each.n)})", each, "rl") for name, each in rows]
        dots(axes, [("", named)], percent, reference=0.5)
        _shares(axes)
        svg = as_svg(drawn, "figure-12", "Accuracy of the feedback model by kind of comparison")
    return Picture(
        "Figure 12. Identifying harm",
        svg,
        "How often the feedback model names the better response, by kind of comparison, their number in brackets. "
        "Lines are 95 % intervals. The paper asks which of two labels fits a harmful conversation.",
    )


FIGURES = (
    Figure(2, "harmless against helpful, along RL", pareto, TOURNAMENT),
    Figure(3, "ratings by model", by_model, TOURNAMENT),
    Figure(4, "accuracy of feedback and preference model", accuracy, "stage audit or stage pm"),
    Figure(5, "score by number of revisions", revisions, "stage evaluate, which scores the rounds"),
    Figure(6, "number of principles", principles, "arms that differ in constitution.sample, evaluated"),
    Figure(7, "critique against direct revision", critiques, "arms that differ in revise.direct_revision, evaluated"),
    Figure(8, "ratings over RL", sequences, f"{TOURNAMENT}, with snapshots of RL (rl.snapshots)"),
    Figure(9, "calibration of the labels", calibration, "stage audit or stage pm"),
    Figure(10, "absolute harmfulness", harm, "the grader harm among evaluate.graders"),
    Figure(12, "identifying harm by kind", identifying, "stage audit on comparisons that have a category"),
)


def _rated(data: FigureData) -> list[str]:
    return in_order(list(data.ratings.get("harmless", data.ratings.get("helpful", {}))))


def _judged(data: FigureData) -> str:
    """Who judged, which every figure of ratings says."""
    return f"{data.judged_by} In the paper people did."


def _role(model: str) -> str:
    return model if model in ("start", "sl", "rl") else "rl" if model.startswith("rl-") else "baseline"


def _one(arms: Sequence[Arm]) -> str:
    same = len({arm.scorer for arm in arms}) == 1
    return "One preference model scores all." if same else "Each arm's own preference model scores it."


def _by_round(
    named: Sequence[tuple[str, Mapping[int, Estimate]]], number: int, title: str, told: str
) -> Picture | None:
    series = [(name, {0: Estimate(0.0, 0.0, 0.0, 1), **rounds}) for name, rounds in named if rounds]
    if not series:
        return None
    with figure(WIDTH, 3.2) as drawn:
        axes = drawn.subplots()
        last = max(number for _, rounds in series for number in rounds)
        axes.plot([0, last], [0, 0], **DASHED)
        lines(axes, series)
        axes.set(xlabel="revisions", ylabel="change of score")
        axes.set_xticks(range(last + 1))
        svg = as_svg(drawn, f"figure-{number}", f"{title}: change of the preference model's score by round")
    counts = sorted({each.n for _, rounds in named for each in rounds.values()})
    n = whole(counts[0]) if len(counts) == 1 else f"{whole(counts[0])} to {whole(counts[-1])}"
    return Picture(
        f"Figure {number}. {title}",
        svg,
        f"Mean change of the preference model's score since the initial response, on training prompts (n = {n}). "
        f"{told} {_INTERVAL}",
    )


def _shares(axes: Any) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\u00a0%", "", "chance", "", "100\u00a0%"])
