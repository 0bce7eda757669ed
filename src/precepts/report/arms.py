"""The comparison of a recipe's arms: DIR/report.html, made from the arms' folders alone.

1. A row an arm: what its models do, what its preference model is worth, what that was taught with. Every figure is the
   one in the arm's own report, to which its name leads; an arm that is not finished shows what there is.
2. Where the arms differ in one numeric setting, a picture shows what it trades: the preference model on helpfulness
   against harmlessness, a point an arm.
3. Arms are read one after another, and only their figures are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from precepts import __version__
from precepts.report.arm_figures import arm_tables, in_words, trade
from precepts.report.gather_arms import Arm, compared_arms, read_recipe
from precepts.report.numbers import counted, listed, whole
from precepts.report.seeds import seed_table, seeds_disagree, seeds_of
from precepts.report.write import environment
from precepts.runs.progress import clock
from precepts.runs.shards import write_whole
from precepts.runs.sharing import cost_of_all, own_cost


@dataclass(frozen=True)
class ArmRow:
    """An arm in the list of arms, in words."""

    name: str
    page: str
    differs: str
    how_far: str
    tokens: str
    took: str


def write_comparison(folder: Path) -> Path:
    """Write the page that compares the arms of `folder`; returns its path. Raises RunError for a damaged shard."""
    arms, recipe = compared_arms(folder), read_recipe(folder)
    page = (
        environment()
        .get_template("arms.html.j2")
        .render(
            name=folder.resolve().name,
            description=str(recipe.get("description") or "").strip().removesuffix("."),
            headline=_headline(arms),
            arms=[_row(arm) for arm in arms],
            total=_cost_words(*cost_of_all(arm.states.values() for arm in arms)),
            cautions=list(_cautions(arms)),
            tables=[*(table for each in seeds_of(arms) if (table := seed_table(each)).rows), *arm_tables(arms)],
            pictures=[each for each in [trade(arms)] if each],
            version=__version__,
        )
    )
    write_whole(folder / "report.html", page.encode("utf-8", "replace"))
    return folder / "report.html"


def _headline(arms: Sequence[Arm]) -> str:
    keys = list(dict.fromkeys(key for arm in arms for key in arm.settings))
    differ = f"{counted(len(arms), 'arm')} of one recipe" + (f", which differ in {listed(keys)}" if keys else "")
    waiting = [arm.name for arm in arms if arm.waiting]
    none = " None of them is finished; the figures are of what there is."
    ending = none if len(waiting) == len(arms) else f" Not finished: {listed(waiting)}." if waiting else ""
    return f"{differ}.{ending}"


def _row(arm: Arm) -> ArmRow:
    tokens_in, tokens_out, seconds = own_cost(arm.states.values())
    done = sum(state is not None and state.done for state in arm.states.values())
    shared = [stage for stage, state in arm.states.items() if state and state.shared_from]
    how_far = f"{counted(done, 'stage')} done, {', '.join(arm.waiting)} not" if arm.waiting else "all stages done"
    return ArmRow(
        name=arm.name,
        page=arm.page,
        differs=", ".join(f"{key}: {in_words(value)}" for key, value in arm.settings.items()),
        how_far=f"{how_far}; shared: {', '.join(shared)}" if shared else how_far,
        tokens=f"{whole(tokens_in)} in, {whole(tokens_out)} out",
        took=clock(seconds),
    )


def _cost_words(tokens_in: int, tokens_out: int, seconds: float) -> str:
    return f"{whole(tokens_in)} tokens in, {whole(tokens_out)} out, {clock(seconds)}"


def _cautions(arms: Sequence[Arm]) -> Iterator[str]:
    """What holds of every comparison of arms, and where seeds disagree."""
    for each in seeds_of(arms):
        yield from seeds_disagree(each)
    if any(arm.board.models for arm in arms):
        yield (
            "The verdicts come from a text rule that reads English words, not meaning. Each arm's own report names its "
            "doubts and shows the transcripts."
        )
    if not any("seed" in arm.settings for arm in arms):
        yield (
            "Each arm is one run with one seed. The intervals cover the choice of prompts only, so arms whose "
            "intervals overlap are not shown to differ, and trainings with other seeds can differ by more."
        )
    if len({arm.waiting for arm in arms}) > 1:
        yield "The arms have not come equally far; compare only what both columns have."
