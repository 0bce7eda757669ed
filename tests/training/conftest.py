"""What training tests share: settings for a tiny model, and progress that is remembered instead of shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from precepts.training.settings import SupervisedSettings


class Shown:
    """Stands where progress is shown; `log` has (steps in all, steps done) of each start, and each step's note."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.closed = 0

    @contextmanager
    def __call__(self, total: int, done: int) -> Iterator[Shown]:
        self.log.append((total, done))
        try:
            yield self
        finally:
            self.closed += 1

    def advance(self, units: int = 1, note: str = "") -> None:
        self.log.append(note)


@pytest.fixture
def show() -> Shown:
    return Shown()


@pytest.fixture
def optim() -> Callable[..., SupervisedSettings]:
    """SupervisedSettings for the tiny model on a CPU, changed as asked."""

    def make(**changed: Any) -> SupervisedSettings:
        settings = {"learning_rate": 1e-2, "batch_size": 4, "warmup": 0.0, "checkpoint_steps": None}
        return SupervisedSettings(**(settings | {"dtype": "float32", "device": "cpu"} | changed))

    return make


@pytest.fixture(scope="session")
def scoring_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preference model with random weights."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("scores") / "pm"
    torch.manual_seed(3)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1, pad_token_id=0)
    torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bilinear_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bilinear preference model of the tiny model."""
    from precepts.records import Message
    from precepts.training.bilinear import train_bilinear
    from precepts.training.pairs import LabelledPair
    from precepts.training.settings import BilinearSettings

    folder = tmp_path_factory.mktemp("bilinear") / "pm"
    pairs = [LabelledPair((Message("user", f"Say {n}."),), "Mix flour.", "No.", n / 4, 1.0) for n in range(5)]
    train_bilinear(str(tiny_model), pairs, folder, BilinearSettings(ridge=1.0), "chat", "cpu", Shown())
    return folder
