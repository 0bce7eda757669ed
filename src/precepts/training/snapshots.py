"""Snapshots: the policy kept as a whole model at even distances on its way, to be evaluated like any other model.

1. `count` snapshots of a training of T steps are taken after steps T k / (count + 1), rounded; its beginning and its
   end are models of their own.
2. A snapshot is taken before the checkpoint of its step, so that one which counts has its snapshot; a training that
   goes on from an earlier checkpoint writes it anew, with the same bytes.
3. Taking one changes nothing: random states are put back, so a training ends the same with and without.
The paper's figure 8 shows its models on the way through RL in the same sense.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback


def snapshot_steps(count: int, total: int) -> list[int]:
    """The steps after which `count` snapshots of a training of `total` steps are taken; fewer where steps are few."""
    steps = {round(total * number / (count + 1)) for number in range(1, count + 1)}
    return sorted(steps - {0, total})


def snapshot(target: Path, step: int) -> Path:
    """Where the snapshot of `step` lies, whose training ends at `target`."""
    return target.with_name(f"{target.name}-{step}")


class Snapshots(TrainerCallback):  # type: ignore[misc]
    """Calls `save` with the step at each of `count` snapshots."""

    def __init__(self, count: int, save: Callable[[int], None]) -> None:
        self.count, self.save = count, save

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero and state.global_step in snapshot_steps(self.count, state.max_steps):
            with torch.random.fork_rng():
                self.save(state.global_step)
