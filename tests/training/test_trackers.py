"""Who is told of a training's figures: TensorBoard's files lie beside the work folder, and records do not change."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precepts.errors import InputError
from precepts.recipe import Recipe, recipe_of
from precepts.records import Message, Prompt
from precepts.training import settings as training_settings
from precepts.training.looks import Watch
from precepts.training.policy import train_policy
from precepts.training.settings import LoraSettings, PolicySettings, require_trackers

ASKED = [(Message("user", f"How do I bake {n} loaves?"),) for n in range(4)]


def trained(work: Path, models: tuple[Path, Path], show: Any, **changed: Any) -> Any:
    small = {"batch_size": 4, "micro_batch": 4, "group": 2, "steps": 2, "max_tokens": 4, "checkpoint_steps": None}
    here = {"dtype": "float32", "device": "cpu", "lora": LoraSettings(rank=2, alpha=4)}
    prompts = [Prompt(f"p{n}", "red_team", "train", "", "test", asked) for n, asked in enumerate(ASKED)]
    given = (prompts, work / "model", work, PolicySettings(**(small | here | changed)), "chat", 5, show)
    watch = Watch(1, lambda standing: ({"held_aside/score": standing.step / 2}, ""))
    return train_policy(*models, *given, lambda step, rollouts: None, watch)


def test_tensorboard_is_told_of_steps_and_looks(
    tiny_model: Path, scoring_model: Path, tmp_path: Path, show: Any
) -> None:
    pytest.importorskip("tensorboardX", reason="TensorBoard's files are written by tensorboardX: precepts[dev]")
    from tensorboardX.proto.event_pb2 import Event

    models, work = (tiny_model, scoring_model), tmp_path / "run" / "rl" / "scratch"
    told = trained(work, models, show, report_to=["tensorboard"])
    assert told == trained(tmp_path / "other" / "rl" / "scratch", models, show)
    (file,) = (tmp_path / "run" / "rl" / "tensorboard").iterdir()
    found: dict[str, dict[int, float]] = {}
    for event in events(file.read_bytes(), Event):
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = value.simple_value
    assert found["train/monitor/held_aside/score"] == {0: 0.0, 1: 0.5, 2: 1.0}
    assert {"train/loss", "train/reward", "train/kl"} <= set(found)
    assert not (tmp_path / "other" / "rl" / "tensorboard").exists()


def events(data: bytes, event_class: Any) -> list[Any]:
    """The events of a file: each is a length (8 bytes), a checksum (4), the event, a checksum (4)."""
    found, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        found.append(event_class.FromString(data[place + 12 : place + 12 + size]))
        place += 16 + size
    return found


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_settings, "find_spec", lambda name: None)


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "trackio"])
def test_a_tracker_that_is_not_installed_is_told(name: Any, nothing_installed: None) -> None:
    with pytest.raises(InputError, match=f"report_to: {name} is not installed; pip install {name}, or take it out"):
        require_trackers([name])


def test_one_of_a_trackers_packages_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"tensorboardX": importlib.util.find_spec("json")}
    monkeypatch.setattr(training_settings, "find_spec", found.get)
    require_trackers(["tensorboard"])


def test_every_training_tells_whom_the_recipe_names(nothing_installed: None) -> None:
    recipe = recipe_of({"report_to": ["tensorboard"], "rl": {"report_to": []}, "pm": {"report_to": ["wandb"]}})
    told = recipe.with_trackers()
    assert (told.sl.report_to, told.pm.report_to, told.rl.report_to) == (["tensorboard"], ["wandb"], [])
    assert told.warm_up is None
    with pytest.raises(InputError, match="tensorboard is not installed"):
        recipe.check_trainings()
    recipe_of({"rl": {"report_to": []}}).check_trainings()


@pytest.mark.parametrize("wrong", ["mlflow", "all"])
def test_another_tracker_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match=r"report_to\[0\]: .*'tensorboard', 'wandb' or 'trackio'"):
        recipe_of({"report_to": [wrong]})


def test_trackers_are_no_part_of_what_records_depend_on(tmp_path: Path, nothing_installed: None) -> None:
    from precepts.method import execute, steps
    from precepts.runs.folder import Run
    from precepts.runs.progress import Progress
    from precepts.runs.walk import all_parts

    plan: Callable[[Recipe], Any] = lambda recipe: all_parts(steps(recipe, Run(tmp_path / "run")))  # noqa: E731
    told = recipe_of({"report_to": ["trackio"]})
    assert plan(told) == plan(Recipe())
    with pytest.raises(InputError, match="trackio is not installed"):
        execute(told, Run(tmp_path / "run"), Progress(quiet=True))
    assert not (tmp_path / "run").exists()
