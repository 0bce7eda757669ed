"""Stage `prompts`: what is trained on and what is kept for evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from precepts.executors.local import LocalExecutor
from precepts.records import Prompt
from precepts.runs.folder import Run, open_stage
from precepts.runs.progress import Progress
from precepts.stages import prompts
from precepts.stages.prompts import PreferenceSettings, PromptSettings


def test_a_source_for_training_alone_holds_nothing_out(tmp_path: Path) -> None:
    source = tmp_path / "mine.jsonl"
    source.write_text("".join(json.dumps({"prompt": f"Say {n}."}) + "\n" for n in range(60)))

    def split_of(**given: Any) -> dict[str, str]:
        settings = {"helpful": [{"source": str(source), **given}], "safe_sounding": [], "held_out": 0.5}
        run = Run(tmp_path / "-".join(map(str, ["run", *given])))
        folder = open_stage(run, "prompts", {}, "prompts", 7, LocalExecutor(), Progress(quiet=True))
        prompts.run(folder, PromptSettings.model_validate(settings), PreferenceSettings(helpful=[]))
        found = folder.run.read("prompts", Prompt, "prompts")
        return {each.id: each.split for each in found if each.kind == "helpful"}

    whole, alone = split_of(), split_of(train_only=True)
    assert 15 < sum(split == "held_out" for split in whole.values()) < 45
    assert alone == {name: split for name, split in whole.items() if split == "train"}
    assert len(split_of(train_only=True, limit=20)) < 20  # the limit counts what is left out too


def test_safe_sounding_prompts_are_never_trained_on() -> None:
    with pytest.raises(ValueError, match=r"under prompts\.helpful"):
        PromptSettings.model_validate({"safe_sounding": [{"source": "builtin:safe_sounding", "train_only": True}]})
