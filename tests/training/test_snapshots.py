"""Snapshots of the policy: at which steps, of which weights, and that taking them changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from precepts.records import Message, Prompt
from precepts.training.policy import train_policy
from precepts.training.settings import LoraSettings, PolicySettings
from precepts.training.snapshots import snapshot_steps

PROMPTS = [Prompt(f"p{n}", "helpful", "train", "", "test", (Message("user", f"Bake {n}."),)) for n in range(4)]


@pytest.mark.parametrize(
    ("count", "total", "steps"),
    [(0, 10, []), (1, 6, [3]), (2, 6, [2, 4]), (3, 10, [2, 5, 8]), (9, 4, [1, 2, 3]), (1, 1, []), (2, 0, [])],
)
def test_at_even_distances_and_never_at_an_end(count: int, total: int, steps: list[int]) -> None:
    assert snapshot_steps(count, total) == steps


def test_a_snapshot_is_the_model_a_shorter_training_ends_with(
    tiny_model: Path, scoring_model: Path, tmp_path: Path, show: Any
) -> None:
    def train(name: str, **changed: Any) -> Path:
        small = {"learning_rate": 1e-2, "batch_size": 4, "micro_batch": 4, "group": 2, "max_tokens": 4, "warmup": 0.0}
        here = {"dtype": "float32", "device": "cpu", "checkpoint_steps": None, "lora": LoraSettings(rank=2, alpha=4)}
        settings, work = PolicySettings(**(small | here | changed)), tmp_path / name
        common = (settings, "chat", 3, show, lambda step, rollouts: None)
        train_policy(tiny_model, scoring_model, PROMPTS, work / "rl", work, *common)
        return work

    one, two, both = train("one", steps=2), train("two", steps=4), train("both", steps=4, snapshots=1)
    assert sorted(path.name for path in both.glob("rl*")) == ["rl", "rl-2"]
    assert not list(two.glob("rl-*"))
    for kept, whole in ((both / "rl-2", one / "rl"), (both / "rl", two / "rl")):
        assert (kept / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
        assert (kept / "tokenizer.json").read_bytes() == (whole / "tokenizer.json").read_bytes()
    early, late = (load_file(both / name / "model.safetensors") for name in ("rl-2", "rl"))
    assert any(bool((early[name] != late[name]).any()) for name in early)
