"""Looks at the policy on its way: at even distances it can be asked like any other model, and training can end.

1. A look is taken before the first step, after every so many steps, and after the last one, once its step is logged.
   What the policy is asked and what follows from its answers is the caller's.
2. A look changes nothing: an engine samples with seeds of its own, and the model goes on in the mode it was in. So a
   training ends with the same weights, looked at or not.
3. A step after which training is to end leaves no checkpoint: a training that is killed before it has saved its model
   goes on from an earlier one, and is told to end again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import TrainerCallback

from precepts.engines.base import Engine
from precepts.engines.transformers import lent
from precepts.records import Messages, Rollout, TrainingStep
from precepts.training.fit import logged_steps


@dataclass(frozen=True)
class Standing:
    """What a look sees: the policy after `step` steps as an engine, the preference model's `score`, all logged steps,
    and the `rollouts` that have not been kept yet."""

    step: int
    engine: Engine
    score: Callable[[Sequence[tuple[Messages, str]]], list[float]]
    steps: Sequence[TrainingStep]
    rollouts: Sequence[Rollout]


@dataclass(frozen=True)
class Watch:
    """How often to look (`every` steps), and who looks: returns figures to be tracked, by name, and the reason why
    training is to end ("" for none)."""

    every: int
    look: Callable[[Standing], tuple[dict[str, float], str]]


class Looks(TrainerCallback):  # type: ignore[misc]
    """Has a watch look at a trainer's model; `rollouts` gives those not yet kept."""

    def __init__(self, watch: Watch, trainer: Any, score: Any, rollouts: Callable[[], Sequence[Rollout]]) -> None:
        self.watch, self.trainer, self.score, self.rollouts = watch, trainer, score, rollouts

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 0:
            self._look(args, state, control)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        due = state.global_step % self.watch.every == 0 or state.global_step == state.max_steps
        if due and "loss" in (logs or {}) and self._look(args, state, control):
            control.should_training_stop, control.should_save = True, False

    def _look(self, args: Any, state: Any, control: Any) -> str:
        tokenizer = self.trainer.processing_class
        with lent(self.trainer.model, tokenizer, f"rl-{state.global_step}", args.train_batch_size) as engine:
            standing = Standing(state.global_step, engine, self.score, logged_steps(state), self.rollouts())
            figures, reason = self.watch.look(standing)
        self.trainer.callback_handler.on_log(args, state, control, {f"monitor/{k}": v for k, v in figures.items()})
        return reason
