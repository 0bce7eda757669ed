"""Stage `rl`: reinforcement learning of the SL-CAI model against the preference model (paper section 4.1).

Reads `models/sl`, `models/pm` and the training prompts, red-team and helpful. Writes `models/rl`, snapshots on the way
to it (`models/rl-STEP`), the training's steps and every rollout with its score.
"""

from __future__ import annotations

from collections.abc import Sequence

from precepts.errors import InputError
from precepts.prompts.formats import Format
from precepts.records import Rollout, TrainingStep
from precepts.runs.folder import Run, StageFolder
from precepts.stages.prompts import read_split, refuse_leaks
from precepts.training.settings import PolicySettings

SNAPSHOTS = "rl-[0-9]*"


class RLSettings(PolicySettings):
    """Reinforcement learning: see PolicySettings."""


def run(folder: StageFolder, settings: RLSettings, style: Format, held_out: float) -> None:
    """Train the RL-CAI model. Raises RunError where a prompt is held out, InputError where prompts fill no batch."""
    from precepts.training.policy import train_policy

    prompts = list(read_split(folder.run, ("red_team", "helpful"), "train"))
    refuse_leaks(folder, prompts, held_out)
    needed = settings.batch_size // settings.group
    if len(prompts) < needed:
        raise InputError(
            f"rl.batch_size: a step of {settings.batch_size} completions takes {needed} prompts and there are "
            f"{len(prompts)} to train on; lower rl.batch_size or add prompts"
        )

    def keep(step: int, rollouts: Sequence[Rollout]) -> None:
        if rollouts:  # a shard is named by its checkpoint's step, so that a resumed training overwrites its own
            folder.write_records(Rollout, rollouts, set_name="rollouts", index=step)

    steps, tokens = train_policy(
        folder.run.model("sl"),
        folder.run.model("pm"),
        prompts,
        folder.run.model("rl"),
        folder.scratch,
        settings,
        style,
        folder.stage_seed,
        lambda total, done: folder.task("", total, done, "steps"),
        keep,
    )
    folder.write_records(TrainingStep, steps, (tokens, 0))
    kept = [name for name in folder.run.models([SNAPSHOTS]) if name.partition("-")[2].isdecimal()]
    folder.finish({"prompts": len(prompts), "steps": len(steps), "snapshots": len(kept)}, kept)


def snapshots(run: Run) -> list[str]:
    """The names of the run's RL snapshots, in the order of their steps."""
    state = run.state("rl")
    return sorted(state.models, key=lambda name: int(name.rpartition("-")[2])) if state else []
