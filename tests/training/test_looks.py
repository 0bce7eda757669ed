"""Looks at a policy that is being trained: they change nothing, and may end the training; a killed one too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from precepts.engines.base import GenerateRequest
from precepts.records import Message, Prompt, Rollout, TrainingStep
from precepts.training.looks import Standing, Watch
from precepts.training.policy import train_policy
from precepts.training.settings import LoraSettings, PolicySettings

ASKED = [(Message("user", f"How do I bake {n} loaves?"),) for n in range(8)]
SMALL: dict[str, Any] = {
    "learning_rate": 1e-2,
    "batch_size": 4,
    "micro_batch": 2,
    "group": 2,
    "steps": 6,
    "max_tokens": 5,
    "warmup": 0.0,
    "lora": LoraSettings(rank=2, alpha=4, dropout=0.1),
    "dtype": "float32",
    "device": "cpu",
}


class Killed(Exception):
    pass


class Watching:
    """Remembers what each look saw; ends the training at step `stop`, dies at step `die`."""

    def __init__(self, stop: int = 0, die: int = 0) -> None:
        self.stop, self.die = stop, die
        self.seen: dict[int, tuple[list[str], list[float]]] = {}
        self.rollouts: dict[int, list[Rollout]] = {}
        self.steps: dict[int, list[int]] = {}

    def look(self, standing: Standing) -> tuple[dict[str, float], str]:
        if standing.step == self.die > 0:
            raise Killed
        requests = [GenerateRequest(asked, max_tokens=6, seed=n) for n, asked in enumerate(ASKED[:3])]
        texts = [reply.text for reply in standing.engine.generate(requests)]
        self.seen[standing.step] = texts, standing.score(list(zip(ASKED, texts, strict=False)))
        self.rollouts[standing.step] = list(standing.rollouts)
        self.steps[standing.step] = [each.step for each in standing.steps]
        assert standing.engine.name == f"rl-{standing.step}"
        return {"words": 3.0}, "it was told to" if standing.step == self.stop else ""


def train(
    work: Path, models: tuple[Path, Path], show: Any, watching: Watching | None, every: int = 2, **changed: Any
) -> tuple[list[TrainingStep], dict[int, Sequence[Rollout]]]:
    prompts = [Prompt(f"p{n}", "red_team", "train", "", "test", asked) for n, asked in enumerate(ASKED)]
    kept: dict[int, Sequence[Rollout]] = {}
    watch = Watch(every, watching.look) if watching else None
    settings = PolicySettings(**(SMALL | {"checkpoint_steps": None} | changed))
    given = (prompts, work / "model", work, settings, "chat", 5, show, kept.__setitem__)
    steps, _ = train_policy(*models, *given, watch)
    return steps, kept


@pytest.fixture
def models(tiny_model: Path, scoring_model: Path) -> tuple[Path, Path]:
    return tiny_model, scoring_model


def weights(work: Path) -> bytes:
    return (work / "model" / "model.safetensors").read_bytes()


def files(model: Path) -> dict[str, bytes]:
    return {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("lora", "dtype"), [(SMALL["lora"], "float32"), (SMALL["lora"], "bfloat16"), (None, "float32")]
)
def test_a_training_ends_the_same_looked_at_or_not(
    models: Any, tmp_path: Path, show: Any, lora: Any, dtype: str
) -> None:
    watching = Watching()
    bare = train(tmp_path / "bare", models, show, None, lora=lora, dtype=dtype)
    looked_at = train(tmp_path / "looked at", models, show, watching, every=4, lora=lora, dtype=dtype)
    assert looked_at == bare
    assert weights(tmp_path / "bare") == weights(tmp_path / "looked at")
    assert files(tmp_path / "bare" / "model") == files(tmp_path / "looked at" / "model")
    assert list(watching.seen) == [0, 4, 6]
    assert watching.steps == {0: [], 4: [1, 2, 3, 4], 6: [1, 2, 3, 4, 5, 6]}
    assert {step: len(rollouts) for step, rollouts in watching.rollouts.items()} == {0: 0, 4: 16, 6: 24}
    assert len({str(seen) for seen in watching.seen.values()}) == 3  # the policy as it is, not as it began


def test_a_training_that_is_told_to_end_keeps_the_policy_as_it_stands(models: Any, tmp_path: Path, show: Any) -> None:
    stopped, kept = train(tmp_path / "stopped", models, show, Watching(stop=4))
    short, _ = train(tmp_path / "short", models, show, None, steps=4)
    assert stopped == short
    assert [each.step for each in kept[4]] == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4
    assert weights(tmp_path / "stopped") == weights(tmp_path / "short")


def test_a_training_killed_after_it_was_told_to_end_is_told_again(
    models: Any, tmp_path: Path, show: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise Killed

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken, _ = train(whole, models, show, Watching(stop=4), checkpoint_steps=2)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("precepts.training.policy.save_whole", die)
        train(broken, models, show, Watching(stop=4), checkpoint_steps=2)
    again = Watching(stop=4)
    resumed, _ = train(broken, models, show, again, checkpoint_steps=2)
    assert list(again.seen) == [4]
    assert resumed == unbroken
    assert weights(whole) == weights(broken)


def test_a_training_killed_in_a_look_takes_it_again(models: Any, tmp_path: Path, show: Any) -> None:
    whole, broken = Watching(), Watching()
    unbroken = train(tmp_path / "whole", models, show, whole, checkpoint_steps=None)[0]
    with pytest.raises(Killed):
        train(tmp_path / "broken", models, show, Watching(die=4), checkpoint_steps=3)
    assert train(tmp_path / "broken", models, show, broken, checkpoint_steps=3)[0] == unbroken
    assert broken.seen == {step: whole.seen[step] for step in (4, 6)}
    assert weights(tmp_path / "whole") == weights(tmp_path / "broken")
