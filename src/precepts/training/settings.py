"""How models are trained, as settings. No torch here: a recipe is read and checked without it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Literal, Self

from pydantic import Field, model_validator

from precepts.errors import InputError
from precepts.settings import Settings

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
Tracker = Literal["tensorboard", "wandb", "trackio"]
_PACKAGES: dict[Tracker, tuple[str, ...]] = {  # one of them must be there
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "trackio": ("trackio",),
}


def require_trackers(names: Iterable[Tracker]) -> None:
    """Raise InputError where a tracker's package is not installed."""
    for name in names:
        if not any(find_spec(package) for package in _PACKAGES[name]):
            raise InputError(f"report_to: {name} is not installed; pip install {name}, or take it out of report_to")


class LoraSettings(Settings):
    """Low-rank adapters: rank, scale (alpha / rank), dropout; on all layers, or on the last `layers` of them alone (no
    gradient is computed for those before)."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    layers: int | None = Field(default=None, ge=1)


def at_once(batch_size: int, micro_batch: int, processes: int = 1) -> int:
    """How many examples of a batch each of `processes` takes at a time. Raises ValueError where they do not divide."""
    if batch_size % processes:
        raise ValueError(f"batch_size {batch_size} is not a multiple of {processes} processes; change one")
    share = batch_size // processes
    of = f" / {processes} processes" if processes > 1 else ""
    if share > micro_batch and share % micro_batch:
        raise ValueError(f"batch_size {batch_size}{of} is not a multiple of micro_batch {micro_batch}; change one")
    return min(share, micro_batch)


class OptimSettings(Settings):
    """How a model is trained. `batch_size` counts examples (pairs, for a preference model) in one optimiser step,
    taken `micro_batch` at a time; `checkpoint_steps` is how often a checkpoint is kept (null: never). `report_to` names
    who is told of each step beside the run folder (null: the recipe's `report_to`)."""

    learning_rate: float = Field(default=2e-4, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    batch_size: int = Field(default=16, ge=1)
    micro_batch: int = Field(default=16, ge=1)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    lora: LoraSettings | None = LoraSettings()
    checkpoint_steps: int | None = Field(default=200, ge=1)
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    device: Literal["auto", "cpu"] = "auto"
    report_to: list[Tracker] | None = None

    @model_validator(mode="after")
    def _micro_batches_fit(self) -> Self:
        at_once(self.batch_size, self.micro_batch)
        return self


class SupervisedSettings(OptimSettings):
    """Training on given texts; those over `max_length` tokens lose their beginning. `processes` share each batch,
    `batch_size` examples in all; they are started by `accelerate launch`, with the configuration file
    `accelerate_config` where one is given."""

    max_length: int = Field(default=512, ge=16)
    processes: int = Field(default=1, ge=1)
    accelerate_config: str | None = None

    @model_validator(mode="after")
    def _processes_fit(self) -> Self:
        at_once(self.batch_size, self.micro_batch, self.processes)
        if self.accelerate_config is not None and self.processes == 1:
            raise ValueError("accelerate_config is for several processes; set processes, or leave it out")
        return self


class BilinearSettings(Settings):
    """A preference model that is a bilinear form of the start model's states: what holds its products of prompt and
    response near nothing (`ridge`), and what it makes of a response whatever was asked (`response_ridge`);
    `batch_size` responses are read at a time."""

    ridge: float = Field(default=300.0, gt=0)
    response_ridge: float = Field(default=10_000.0, gt=0)
    batch_size: int = Field(default=16, ge=1)


class PolicySettings(OptimSettings):
    """GRPO: `batch_size` counts completions in one step, `group` of them to a prompt. Each is measured against its
    group's mean, in deviations of the group's scores or of the whole batch's (`scale`): the latter has a group whose
    answers are nearly alike teach little. `beta` is the KL coefficient: training heads for where the log-odds of two
    completions have moved by about the gap of their advantages over `beta`. `steps` ends training (null: after as many
    prompts as `epochs` over all have, half of them red-team ones). `snapshots` is how often the policy is kept as a
    model on the way, at even distances. `max_tokens` bounds a completion (the paper: 128)."""

    beta: float = Field(default=0.05, ge=0)
    group: int = Field(default=4, ge=2)
    scale: Literal["group", "batch"] = "group"
    steps: int | None = Field(default=None, ge=1)
    snapshots: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=128, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)

    def total_steps(self, prompts: int) -> int:
        """How many steps a training on so many prompts takes."""
        return self.steps or math.ceil(self.epochs * prompts * self.group / self.batch_size)

    @model_validator(mode="after")
    def _groups_fit(self) -> PolicySettings:
        if self.batch_size % self.group:
            raise ValueError(f"batch_size {self.batch_size} is not a multiple of group {self.group}; change one")
        return self
