"""A killed training goes on from its last whole checkpoint and ends with the same weights, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from precepts.records import Message, Prompt, Rollout, TrainingStep
from precepts.training.fit import MARK
from precepts.training.launch import Example
from precepts.training.policy import train_policy
from precepts.training.preference_model import LabelledPair, train_preference_model
from precepts.training.settings import LoraSettings, PolicySettings, SupervisedSettings
from precepts.training.sft import train_sft

TEXTS = [f"Mix {n} cups of flour with water, and bake it." for n in range(10)]
ASKED = [(Message("user", f"How do I bake {n} loaves?"),) for n in range(10)]
SMALL = {"learning_rate": 1e-2, "batch_size": 4, "micro_batch": 2, "warmup": 0.3, "schedule": "linear", "epochs": 2.0}
HERE = {"dtype": "float32", "device": "cpu", "lora": LoraSettings(rank=2, alpha=4, dropout=0.1)}

Outcome = tuple[list[TrainingStep], int]
Train = Callable[[Path, Path, Path, Any, dict[str, Any]], Outcome]


class Killed(Exception):
    pass


class Dies:
    """Progress that dies as step `at` ends, before its checkpoint; `began` tells how many steps were done already."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.began, self.closed = at, -1, False

    @contextmanager
    def __call__(self, total: int, done: int) -> Iterator[Dies]:
        self.began = self.step = done
        self.total = total
        try:
            yield self
        finally:
            self.closed = True

    def advance(self, units: int = 1, note: str = "") -> None:
        self.step += units
        if self.step == self.at:
            raise Killed


def sft(model: Path, pm: Path, work: Path, show: Any, changed: dict[str, Any]) -> Outcome:
    settings = SupervisedSettings(**(SMALL | HERE | changed))
    examples = [Example(*each) for each in zip(ASKED, TEXTS, strict=True)]
    return train_sft(str(model), examples, work / "model", work, settings, "chat", 5, show)


def keeping(model: Path, pm: Path, work: Path, show: Any, changed: dict[str, Any]) -> Outcome:
    settings = SupervisedSettings(**(SMALL | HERE | changed))
    examples = [Example(asked, text, keep=n % 2) for n, (asked, text) in enumerate(zip(ASKED, TEXTS, strict=True))]
    return train_sft(str(model), examples, work / "model", work, settings, "chat", 5, show)


def preference_model(model: Path, pm: Path, work: Path, show: Any, changed: dict[str, Any]) -> Outcome:
    settings = SupervisedSettings(**(SMALL | HERE | changed))
    pairs = [LabelledPair(asked, text, "No.", 0.7, 1.0) for asked, text in zip(ASKED, TEXTS, strict=True)]
    return train_preference_model(str(model), pairs, work / "model", work, settings, "chat", 5, show)


KEPT: dict[tuple[Path, int], Sequence[Rollout]] = {}


def policy(model: Path, pm: Path, work: Path, show: Any, changed: dict[str, Any]) -> Outcome:
    settings = PolicySettings(**(SMALL | HERE | {"group": 2, "steps": 6, "max_tokens": 5, "snapshots": 2} | changed))
    prompts = [Prompt(f"p{n}", "red_team", "train", "", "test", asked) for n, asked in enumerate(ASKED)]

    def keep(step: int, rollouts: Sequence[Rollout]) -> None:
        if rollouts:
            KEPT[work, step] = rollouts

    return train_policy(model, pm, prompts, work / "model", work, settings, "chat", 5, show, keep)


def rollouts_of(work: Path) -> list[Rollout]:
    found = sorted((step, rollouts) for (folder, step), rollouts in KEPT.items() if folder == work)
    return [rollout for _, rollouts in found for rollout in rollouts]


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("train", [sft, keeping, preference_model, policy])
def test_a_killed_training_ends_as_an_unbroken_one(
    train: Train, every: int, tiny_model: Path, scoring_model: Path, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = train(tiny_model, scoring_model, whole, Dies(), {"checkpoint_steps": None})

    dying = Dies(at=4)
    with pytest.raises(Killed):
        train(tiny_model, scoring_model, broken, dying, {"checkpoint_steps": every})
    assert dying.closed  # a live display would otherwise stay on the terminal
    assert not (broken / "model").exists()
    checkpoints = broken / "checkpoints"
    torn = checkpoints / "checkpoint-99"  # as a kill in the middle of writing leaves it
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"torn")

    going_on = Dies()
    resumed = train(tiny_model, scoring_model, broken, going_on, {"checkpoint_steps": every})
    assert (going_on.began, going_on.total) == ({1: 3, 2: 2}[every], 6)
    assert resumed == unbroken
    saved = sorted(path.relative_to(whole) for path in whole.glob("model*/model.safetensors"))
    assert [str(path.parent) for path in saved] == ["model", *(["model-2", "model-4"] if train is policy else [])]
    assert all((whole / path).read_bytes() == (broken / path).read_bytes() for path in saved)
    assert rollouts_of(whole) == rollouts_of(broken)


def test_a_training_killed_after_its_last_checkpoint_only_saves(
    tiny_model: Path, scoring_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise Killed

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = sft(tiny_model, scoring_model, whole, Dies(), {"checkpoint_steps": 4})
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("precepts.training.sft.save_whole", die)
        sft(tiny_model, scoring_model, broken, Dies(), {"checkpoint_steps": 4})
    going_on = Dies()
    assert sft(tiny_model, scoring_model, broken, going_on, {"checkpoint_steps": 4}) == unbroken
    assert going_on.began == 6
    one, other = (load_file(folder / "model" / "model.safetensors") for folder in (whole, broken))
    assert all(bool((one[name] == other[name]).all()) for name in one)


def test_a_checkpoint_counts_once_all_that_belongs_to_it_is_kept(
    tiny_model: Path, scoring_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked: list[bool] = []

    def keep(step: int, rollouts: Sequence[Rollout]) -> None:
        marked.append((tmp_path / "checkpoints" / f"checkpoint-{step}" / MARK).exists())
        raise Killed

    prompts = [Prompt(f"p{n}", "red_team", "train", "", "test", asked) for n, asked in enumerate(ASKED)]
    settings = PolicySettings(**(SMALL | HERE | {"group": 2, "steps": 2, "max_tokens": 3, "checkpoint_steps": 1}))
    with pytest.raises(Killed):
        train_policy(tiny_model, scoring_model, prompts, tmp_path / "rl", tmp_path, settings, "chat", 5, Dies(), keep)
    assert marked == [False]
    assert not list((tmp_path / "checkpoints").glob(f"*/{MARK}"))
