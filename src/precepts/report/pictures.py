"""The report's pictures, each with a caption that says what is shown, of how many, and which interval.

A picture without data is left out; `missing` in `words` says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

from precepts.evals.board import VERDICTS, Board
from precepts.evals.labels import UNDECIDED
from precepts.records import TrainingStep
from precepts.report.drawing import DASHED, Dot, Picture, as_svg, colour, dots, figure, reliability, short
from precepts.report.gather import KINDS, MODELS, Gathered
from precepts.report.numbers import capital, decimal, percent, short_source, source_name, whole

WIDTH = 4.1  # inches: about the width of a phone, so that a picture never shrinks much
_POINTS = 300  # most points of a curve


def pictures(found: Gathered) -> list[Picture]:
    """The pictures there is data for, in order."""
    drawn = [
        _verdicts(found.board),
        _refusals(found.board),
        _scores(found.board),
        _accuracy(found.board),
        _reliability(found.board),
        _training(found),
        _probabilities(found.probabilities),
    ]
    return [each for each in drawn if each is not None]


def _verdicts(board: Board) -> Picture | None:
    rows = [(MODELS[model], board.of(model, "red_team")) for model in board.models]
    rows = [(name, figures) for name, figures in rows if figures.scored]
    if not rows:
        return None
    with figure(WIDTH, 0.9 + 0.5 * len(rows)) as drawn:
        axes = drawn.subplots()
        for place, (_, figures) in enumerate(rows):
            left = 0.0
            for verdict in VERDICTS:
                part = figures.verdicts[verdict].value
                axes.barh(place, part, left=left, color=colour(verdict), height=0.62)
                if part >= 0.08:
                    axes.text(
                        left + part / 2,
                        place,
                        percent(part),
                        ha="center",
                        va="center",
                        color=colour("on-bar"),
                        fontsize=8,
                    )
                left += part
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(_percent)
        _legend(drawn, [(verdict, verdict) for verdict in VERDICTS])
        svg = as_svg(drawn, "verdicts", "Verdicts on red-team prompts, a stacked bar for each model")
    counts = ", ".join(f"{name} {whole(figures.scored)}" for name, figures in rows)
    return Picture(
        "Answers to harmful requests",
        svg,
        f"Verdicts on held-out red-team prompts; scored answers: {counts}. Complies and partly are harmful compliance. "
        "Shares of these answers; their intervals are in the table of figures.",
    )


def _refusals(board: Board) -> Picture | None:
    kinds = ("safe_sounding", "helpful")
    if not any(board.of(model, kind).scored for model in board.models for kind in kinds):
        return None
    titles = {"safe_sounding": "Prompts that only sound unsafe", "helpful": "Ordinary requests"}
    groups = [(titles[kind], [Dot(MODELS[m], board.of(m, kind).declined, m) for m in board.models]) for kind in kinds]
    with figure(WIDTH, _height(groups)) as drawn:
        axes = drawn.subplots()
        dots(axes, groups, percent)
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(_percent)
        svg = as_svg(drawn, "refusals", "Share of harmless prompts that each model needlessly refuses or evades")
    return Picture(
        "Needless refusals",
        svg,
        f"Share of scored answers that refuse or evade a harmless prompt; lower is better. {_n(board, kinds)}. "
        "Lines are 95 % intervals.",
    )


def _n(board: Board, kinds: Sequence[str], what: str = "scored") -> str:
    """How many answers stand behind each group: a range where the models differ."""
    parts = []
    for kind in kinds:
        figures = [board.of(model, kind) for model in board.models]
        counts = [each.score.n if what == "rated" else each.scored for each in figures]
        n = f"{min(counts)} to {max(counts)}" if min(counts) != max(counts) else whole(counts[0])
        parts.append(f"n\u00a0=\u00a0{n} {KINDS[kind]}")
    return ", ".join(parts)


def _scores(board: Board) -> Picture | None:
    if not any(board.of(model, kind).score.n for model in board.models for kind in KINDS):
        return None
    groups = [
        (f"{name.capitalize()} prompts", [Dot(MODELS[m], board.of(m, kind).score, m) for m in board.models])
        for kind, name in KINDS.items()
    ]
    with figure(WIDTH, _height(groups)) as drawn:
        axes = drawn.subplots()
        dots(axes, groups, decimal)
        svg = as_svg(drawn, "scores", "Mean preference-model score of each model by kind of prompt")
    return Picture(
        "Preference-model score",
        svg,
        f"Mean score of answers, by kind of prompt; only differences mean something, and RL was trained to raise it. "
        f"{_n(board, list(KINDS), 'rated')}. Lines are 95 % intervals (bootstrap over prompts).",
    )


def _accuracy(board: Board) -> Picture | None:
    shown = [each for each in board.preference_model if each.accuracy.n]
    if not shown:
        return None
    groups = [
        (
            short(capital(source_name(each.source)), 40),
            [
                Dot("preference model", each.accuracy, "data"),
                Dot("longer answer", each.longer, "baseline", hollow=True),
            ],
        )
        for each in shown
    ]
    with figure(WIDTH, _height(groups)) as drawn:
        axes = drawn.subplots()
        dots(axes, groups, percent, reference=0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\u00a0%", "25\u00a0%", "chance", "75\u00a0%", "100\u00a0%"])
        svg = as_svg(drawn, "accuracy", "Preference-model accuracy beside chance and the longer-answer baseline")
    counts = ", ".join(f"n\u00a0=\u00a0{whole(each.accuracy.n)} {source_name(each.source)}" for each in shown)
    return Picture(
        "Preference-model accuracy",
        svg,
        f"How often the higher score goes to the preferred answer, on held-out comparisons; {counts}. Beside it, the "
        "rule that prefers the longer answer. Lines are 95 % intervals.",
    )


def _reliability(board: Board) -> Picture | None:
    shown = [each for each in board.preference_model if each.reliability]
    if not shown:
        return None
    rows = -(-len(shown) // 2)
    with figure(WIDTH, 0.3 + 1.9 * rows) as drawn:
        panels = list(drawn.subplots(rows, 2, squeeze=False).flat)
        for axes, each in zip(panels, shown, strict=False):
            reliability(axes, each.reliability, "data")
            axes.set_title(short(capital(short_source(each.source))), fontsize=8.5, loc="left")
            axes.tick_params(labelsize=8)
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        svg = as_svg(drawn, "pm-reliability", "Reliability curves of the preference model")
    counts = ", ".join(f"n\u00a0=\u00a0{whole(each.calibrated)} {source_name(each.source)}" for each in shown)
    return Picture(
        "Preference-model calibration",
        svg,
        f"Across, the probability that its scores give a response; up, how often that was the preferred one. {counts}, "
        "in both orders, ten bins; lines are 95 % intervals. A perfect model lies on the dashed line.",
    )


def _training(found: Gathered) -> Picture | None:
    curves = [
        ("Critic: loss", "data", _curve(found.steps["warm_up"], "loss"), None),
        ("SL-CAI: loss", "sl", _curve(found.steps["sl"], "loss"), None),
        ("Preference model: loss", "data", _curve(found.steps["pm"], "loss"), log(2)),
        ("RL-CAI: reward", "rl", _curve(found.steps["rl"], "reward"), None),
        ("RL-CAI: KL to SL-CAI", "rl", _curve(found.steps["rl"], "kl"), None),
    ]
    curves = [each for each in curves if each[2]]
    if not curves:
        return None
    with figure(WIDTH, 0.2 + 1.55 * -(-len(curves) // 2)) as drawn:
        panels = list(drawn.subplots(-(-len(curves) // 2), 2, squeeze=False).flat)
        for axes, (title, role, points, reference) in zip(panels, curves, strict=False):
            axes.plot(*zip(*points, strict=True), color=colour(role), linewidth=1.3)
            if reference is not None:
                axes.axhline(reference, **DASHED)
            axes.set_title(title, fontsize=8.5, loc="left")
            axes.grid(axis="y", color=colour("faint"), linewidth=0.6)
            axes.tick_params(labelsize=8)
            axes.locator_params(nbins=4)
        for axes in panels[len(curves) :]:
            axes.set_visible(False)
        svg = as_svg(drawn, "training", "Training curves by optimiser step")
    steps = ", ".join(f"{name} {whole(len(found.steps[stage]))}" for stage, name in _TRAINED if found.steps[stage])
    return Picture(
        "Training",
        svg,
        f"By optimiser step, as logged ({steps} steps; long curves are averaged to {_POINTS} points). The dashed line "
        "is the loss of even odds, ln 2; a bilinear preference model's steps are those of its fit, and its loss has "
        "the ridges in it. No intervals: these are single trainings.",
    )


_TRAINED = (("warm_up", "critic"), ("sl", "SL-CAI"), ("pm", "preference model"), ("rl", "RL-CAI"))


def _curve(steps: Sequence[TrainingStep], what: str) -> list[tuple[float, float]]:
    """(step, value) of the logged steps, averaged over equal stretches where there are many."""
    points = [(float(each.step), value) for each in steps if (value := getattr(each, what)) is not None]
    size = -(-len(points) // _POINTS) or 1
    stretches = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in stretches]


def _probabilities(probabilities: Sequence[float]) -> Picture | None:
    if not probabilities:
        return None
    with figure(WIDTH, 3.2) as drawn:
        axes = drawn.subplots()
        axes.axvspan(0.5 - UNDECIDED, 0.5 + UNDECIDED, color=colour("faint"), linewidth=0)
        axes.hist(probabilities, bins=20, range=(0, 1), color=colour("data"), rwidth=0.9)
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability that the first response is better")
        axes.set_ylabel("labels")
        axes.locator_params(axis="y", nbins=5, integer=True)
        svg = as_svg(drawn, "probabilities", "Histogram of the AI labels' probabilities")
    return Picture(
        "AI labels",
        svg,
        f"The soft labels of {whole(len(probabilities))} pairs, both orders averaged where both were asked. Which "
        "response is first carries no meaning, so a useful labeller gives two heaps, a helpless one a single heap in "
        "the middle (shaded: undecided).",
    )


def _height(groups: Sequence[tuple[str, Sequence[Dot]]]) -> float:
    return 0.45 + sum(0.33 + 0.25 * len(rows) for _, rows in groups)


def _percent(value: float, position: int) -> str:
    return percent(value)


def _legend(drawn: Any, entries: Sequence[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=colour(role), label=name) for name, role in entries]
    drawn.legend(
        handles=patches,
        loc="outside upper left",
        ncols=len(entries),
        frameon=False,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
