"""Reinforcement learning against the preference model (paper section 4.1), by TRL's GRPO.

1. For each prompt the policy samples a group of completions; each one's advantage is its preference-model score
   relative to its group. The policy begins as the SL-CAI model, and a KL penalty of `beta` holds it near.
2. Half of every step's prompts are red-team ones and half helpful ones, however many there are of each: what a step of
   one kind taught, the next of another kind would have to undo. (The paper's prompts are about half and half.)
3. The score is that of `scores.load_scorer`, the same code that evaluation uses, of the text up to where an engine
   would stop it; every rollout is kept with its score.
How it departs from the paper: the paper uses PPO, with a learned value function and one sample a prompt. GRPO needs
no value model: the group's mean is the baseline. Each batch of completions serves one update, so there is nothing for
the paper's clip (0.2) to hold back. The KL term stands in the loss rather than in the reward, so `beta` is not on the
scale of the paper's 0.001.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from precepts.engines.transformers import load_model, load_tokenizer
from precepts.identity import seed_from
from precepts.prompts.formats import Format, stops
from precepts.records import Prompt, Rollout, TrainingStep
from precepts.training.fit import (
    Show,
    fit,
    lora_config,
    save_whole,
    single_device,
    tokens_seen,
    trainer_arguments,
)
from precepts.training.head import spare_head
from precepts.training.looks import Looks, Watch
from precepts.training.scores import Scorer, load_scorer
from precepts.training.settings import PolicySettings
from precepts.training.sft import precision, trl_columns
from precepts.training.snapshots import Snapshots, snapshot

KeepRollouts = Callable[[int, Sequence[Rollout]], None]  # (step of the checkpoint, rollouts since the last one)


def train_policy(
    model: Path,
    preference_model: Path,
    prompts: Sequence[Prompt],
    target: Path,
    work: Path,
    settings: PolicySettings,
    style: Format,
    seed: int,
    show: Show,
    keep: KeepRollouts,
    watch: Watch | None = None,
) -> tuple[list[TrainingStep], int]:
    """Train the policy from `model` on `prompts` and save it at `target`, its snapshots beside it; checkpoints go to
    `work`.

    `keep` is called with the rollouts before each checkpoint counts, and at the end; `watch` looks at the policy on
    its way and may end the training, whose model is then the policy as it stands. Returns the logged steps and the
    number of tokens trained on.
    """
    from datasets import Dataset
    from trl import GRPOTrainer

    torch.manual_seed(seed % 2**63)
    device, dtype = precision(settings)
    tokenizer = load_tokenizer(str(model))
    tokenizer.padding_side = "left"
    rewards = _Rewards(load_scorer(str(preference_model), style, device=device), prompts)
    total = settings.total_steps(len(prompts))
    needed = total * settings.batch_size // settings.group
    rows = [
        {"prompt": trl_columns(prompt.messages, style), "prompt_id": prompt.id, "kind": prompt.kind}
        for prompt in (prompts[n] for n in itertools.islice(in_turn([each.kind for each in prompts], seed), needed))
    ]
    base = load_model(str(model), dtype if settings.lora else torch.float32, device)
    trainer = GRPOTrainer(
        model=base,
        reward_funcs=rewards,
        args=single_device(_config(settings, total, work, seed, device, dtype)),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora_config(settings.lora, "CAUSAL_LM", base) if settings.lora else None,
    )
    spare_head(trainer, settings.temperature)
    rewards.step = lambda: int(trainer.state.global_step)

    def save(target: Path) -> None:
        save_whole(trainer.model, tokenizer, target, lambda: load_model(str(model), torch.float32, "cpu"))

    trainer.add_callback(Snapshots(settings.snapshots, lambda step: save(snapshot(target, step))))
    if watch:
        trainer.add_callback(Looks(watch, trainer, rewards.scorer.score, rewards.waiting))
    steps = fit(trainer, show, before_mark=lambda step: keep(step, rewards.taken()))
    keep(int(trainer.state.global_step), rewards.taken())
    save(target)
    passes = needed / len(prompts)  # the trainer counts all rows as one epoch
    return [replace(each, epoch=each.epoch and each.epoch * passes) for each in steps], tokens_seen(trainer)


def in_turn(kinds: Sequence[str], seed: int) -> Iterator[int]:
    """The places of `kinds` without end: a prompt of each kind in turn, each kind's in an order of its own, which is
    another each time that all of them have been drawn."""
    drawn = {kind: _shuffled([n for n, each in enumerate(kinds) if each == kind], seed, kind) for kind in set(kinds)}
    for kind in itertools.cycle(sorted(drawn)):
        yield next(drawn[kind])


def _shuffled(places: Sequence[int], seed: int, kind: str) -> Iterator[int]:
    for time in itertools.count():
        yield from random.Random(seed_from(seed, "policy", kind, time)).sample(places, len(places))


def _config(settings: PolicySettings, total: int, work: Path, seed: int, device: str, dtype: torch.dtype) -> Any:
    from trl import GRPOConfig

    return GRPOConfig(
        **trainer_arguments(settings, work, seed, device, dtype == torch.bfloat16),
        max_steps=total,
        shuffle_dataset=False,  # the rows are in an order of their own
        beta=settings.beta,
        num_generations=settings.group,
        max_completion_length=settings.max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        loss_type="grpo",
        scale_rewards=settings.scale,
        disable_dropout=True,
    )


class _Rewards:
    """A TRL reward function: the preference model's score of each completion, kept as a rollout."""

    __name__ = "preference_model"

    def __init__(self, scorer: Scorer, prompts: Sequence[Prompt]) -> None:
        self.scorer, self.stops = scorer, stops(scorer.style)
        self.messages = {prompt.id: prompt.messages for prompt in prompts}
        self.step: Callable[[], int] = lambda: 0
        self._rollouts: list[Rollout] = []

    def __call__(self, prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
        texts = [each if isinstance(each, str) else each[0]["content"] for each in completions]
        texts = [_until_stop(text, self.stops).strip() for text in texts]
        scores = self.scorer.score([(self.messages[p], t) for p, t in zip(columns["prompt_id"], texts, strict=True)])
        kept = zip(columns["prompt_id"], columns["kind"], texts, scores, strict=True)
        self._rollouts += [Rollout(self.step() + 1, *each) for each in kept]
        return scores

    def waiting(self) -> list[Rollout]:
        """The rollouts since the last call of `taken`."""
        return list(self._rollouts)

    def taken(self) -> list[Rollout]:
        """The rollouts since the last call, which are then forgotten."""
        taken, self._rollouts = self._rollouts, []
        return taken


def _until_stop(text: str, stop: Sequence[str]) -> str:
    return min((text.partition(each)[0] for each in stop), key=len, default=text)
