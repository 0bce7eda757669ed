"""Several seeds of one recipe: the change that each gives with its interval within, and the spread between them.

1. Arms are seeds of one recipe where `seed` is all that they differ in. Where arms differ in more, those that agree in
   everything else are seeds of one variant, and each variant has its own spread.
2. Seeds disagree where one establishes a change and another does not, or the other way round. That is said; no seed is
   left out for it.
3. The spread is the standard deviation between seeds, with n - 1; it holds what the intervals within a run cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from precepts.evals.statistics import Estimate
from precepts.report.arm_figures import in_words
from precepts.report.gather_arms import Arm
from precepts.report.numbers import Cell, decimal, points_cell, whole
from precepts.report.tables import Row, Table

_MEASURES = {
    "red_team": ("harmful compliance, red-team", "complied"),
    "safe_sounding": ("needless refusal, safe-sounding", "declined"),
    "helpful": ("needless refusal, helpful", "declined"),
}


@dataclass(frozen=True)
class Seeds:
    """Arms that are seeds of one variant; `name` is what the variants differ in, "" where there is one."""

    name: str
    arms: tuple[Arm, ...]


def seeds_of(arms: Sequence[Arm]) -> list[Seeds]:
    """The variants of which there are several seeds, in the arms' order."""
    found: dict[str, list[Arm]] = {}
    for arm in arms:
        if "seed" in arm.settings:
            others = (f"{key}: {in_words(value)}" for key, value in arm.settings.items() if key != "seed")
            found.setdefault(", ".join(others), []).append(arm)
    return [Seeds(name, tuple(each)) for name, each in found.items() if len({a.settings["seed"] for a in each}) > 1]


def seed_table(seeds: Seeds) -> Table:
    """The change from start to RL-CAI for each seed, and its spread; no rows unless two seeds have it."""
    arms = seeds.arms
    rows = tuple(_row(name, changes) for name, changes in _changes(arms) if len(_known(changes)) > 1)
    columns = [f"Seed {arm.settings['seed']}" for arm in arms if _compared(arm)] if rows else []
    note = (
        "RL-CAI less the start model, in percentage points. Within a seed the 95 % interval covers the choice of "
        "prompts; the standard deviation between seeds shows what it cannot."
    )
    title = f"Spread between seeds, {seeds.name}" if seeds.name else "Spread between seeds"
    return Table(title, note, (*columns, "Mean", "Standard deviation"), rows)


def seeds_disagree(seeds: Seeds) -> list[str]:
    """A sentence for each measure on which the seeds do not say the same."""
    sentences, of = [], f" of {seeds.name}" if seeds.name else ""
    for name, found in _changes(seeds.arms):
        changes = _known(found)
        said = {(change.low > 0) - (change.high < 0) for change in changes}
        if len(said) > 1:
            low, high = (decimal(100 * end(each.value for each in changes), 0, sign=True) for end in (min, max))
            shown = sum(change.low > 0 or change.high < 0 for change in changes)
            sentences.append(
                f"The seeds{of} disagree on {name}: the change from start to RL-CAI is {low} to {high} points, and it "
                f"is established in {whole(shown)} of {whole(len(changes))}."
            )
    return sentences


def _changes(arms: Sequence[Arm]) -> list[tuple[str, list[Estimate]]]:
    found = []
    for kind, (name, what) in _MEASURES.items():
        changes = [getattr(arm.board.change("rl", "start", kind), what) for arm in arms if _compared(arm)]
        found.append((name, changes))
    return found


def _known(changes: Sequence[Estimate]) -> list[Estimate]:
    return [change for change in changes if change.n]


def _compared(arm: Arm) -> bool:
    return {"start", "rl"} <= set(arm.board.models)


def _row(name: str, changes: Sequence[Estimate]) -> Row:
    points = [100 * change.value for change in _known(changes)]
    spread = (f"{decimal(mean(points), 0, sign=True)}\u00a0pt", f"{decimal(stdev(points), 1)}\u00a0pt")
    return Row(name, (*map(points_cell, changes), *(Cell(value, "", "") for value in spread)))
