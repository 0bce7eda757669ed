"""Stage `rl`: reinforcement learning of the SL-CAI model against the preference model (paper section 4.1).

Reads `models/sl`, `models/pm` and the training prompts, red-team and helpful. Writes `models/rl`, snapshots on the way
to it (`models/rl-STEP`), the training's steps, every rollout with its score, and what monitors asked on the way
(`monitor.py`), which may end the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from precepts.errors import InputError
from precepts.prompts.formats import Format
from precepts.records import Prompt, Rollout, TrainingStep
from precepts.runs.folder import Run, StageFolder
from precepts.stages.monitor import ROLLOUTS, Monitor, MonitorSettings, StopSettings
from precepts.stages.prompts import read_split, refuse_leaks
from precepts.stages.respond import SamplingSettings
from precepts.training.settings import PolicySettings

SNAPSHOTS = "rl-[0-9]*"


class RLSettings(PolicySettings):
    """Reinforcement learning: see PolicySettings. `monitor` looks at the policy on its way (null: nobody does), `stop`
    are the bounds past which the training ends."""

    monitor: MonitorSettings | None = None
    stop: StopSettings = StopSettings()

    @model_validator(mode="after")
    def _bounds_can_be_seen(self) -> Self:
        bounds = self.stop.bounds()
        if bounds and self.monitor is None:
            raise ValueError(
                f"stop.{next(iter(bounds))} is looked at by the monitors; set rl.monitor, {{}} for its defaults"
            )
        unseen = [
            name for name in ("refused", "score_gap") if name in bounds and not (self.monitor and self.monitor.prompts)
        ]
        if unseen:
            raise ValueError(f"stop.{unseen[0]} is about held-aside prompts; set monitor.prompts to 1 or more")
        if "kl" in bounds and self.beta == 0:
            raise ValueError("stop.kl needs a KL term, which beta: 0 leaves out; set beta, or leave stop.kl out")
        return self

    def watcher(self, folder: StageFolder, style: Format, prompts: Sequence[Prompt]) -> Monitor | None:
        """The monitor, where there is one; it samples as the training does."""
        if self.monitor is None:
            return None
        sampling = SamplingSettings(temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens)
        return Monitor(folder, self.monitor, self.stop.bounds(), sampling, style, prompts)


def run(folder: StageFolder, settings: RLSettings, style: Format, held_out: float) -> None:
    """Train the RL-CAI model. Raises RunError where a prompt is held out, InputError where prompts fill no batch."""
    from precepts.training.looks import Watch
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
            folder.write_records(Rollout, rollouts, set_name=ROLLOUTS, index=step)

    monitor = settings.watcher(folder, style, prompts)
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
        watch=Watch(monitor.every, monitor.look) if monitor else None,
    )
    folder.write_records(TrainingStep, steps, (tokens, 0))
    kept = [name for name in folder.run.models([SNAPSHOTS]) if name.partition("-")[2].isdecimal()]
    counts = {"prompts": len(prompts), "steps": len(steps), "snapshots": len(kept)}
    folder.finish(counts, kept, monitor.reason if monitor else "")


def snapshots(run: Run) -> list[str]:
    """The names of the run's RL snapshots, in the order of their steps."""
    state = run.state("rl")
    return sorted(state.models, key=lambda name: int(name.rpartition("-")[2])) if state else []
