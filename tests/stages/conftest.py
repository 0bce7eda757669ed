"""What stage tests share: a run folder with prompts in it, and stages opened in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from precepts.constitution import Constitution, Principle, Source
from precepts.executors.local import LocalExecutor
from precepts.records import Message, Prompt
from precepts.runs.folder import Run, StageFolder, open_stage
from precepts.runs.progress import Progress

Open = Callable[[str], StageFolder]


@pytest.fixture
def open_folder(tmp_path: Path) -> Open:
    """Opens a stage of one run by its name."""
    run = Run(tmp_path)
    return lambda name: open_stage(run, name, {}, name, 7, LocalExecutor(), Progress(quiet=True))


@pytest.fixture
def constitution() -> Constitution:
    return Constitution(
        name="test",
        version="1",
        principles=[
            Principle(
                id=f"rule-{n}",
                title="Rule",
                source=Source(work="this test"),
                critique_request=f"Criticise by rule {n}.",
                revision_request=f"Revise by rule {n}.",
                comparison_request=f"Choose by rule {n}.",
            )
            for n in range(4)
        ],
    )


@pytest.fixture
def prompt() -> Callable[..., Prompt]:
    """Makes a prompt; its text is its id."""

    def make(name: str, kind: str = "red_team", split: str = "train") -> Prompt:
        return Prompt(name, kind, split, "", "test", (Message("user", f"Say {name}."),))

    return make
