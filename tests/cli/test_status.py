"""`precepts status`: also of a run whose recipe names files that are gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import precepts, small_recipe


@pytest.fixture
def moved(tmp_path: Path, tiny_model: Path) -> Path:
    """A run of one stage, whose engine's script has gone."""
    recipe = small_recipe(tmp_path, tiny_model, scripted=True)
    done = precepts("run", str(recipe), "--run", str(tmp_path / "run"), "--until", "respond")
    assert done.returncode == 0, done.stderr
    (tmp_path / "script.yaml").unlink()
    return tmp_path / "run"


def test_states_are_shown_where_inputs_are_gone(moved: Path) -> None:
    shown = precepts("status", str(moved))
    assert shown.returncode == 0, shown.stderr
    assert "respond" in shown.stdout and "done" in shown.stdout and "not begun" in shown.stdout
    assert shown.stderr.count("\n") == 1
    assert "whether a stage is stale cannot be checked: " in shown.stderr and "script.yaml" in shown.stderr


def test_json_stays_json_where_inputs_are_gone(moved: Path) -> None:
    shown = precepts("status", str(moved), "--json")
    assert [line["state"] for line in json.loads(shown.stdout)] == [
        "done",
        *["not begun"] * 2,
        "done",
        *["not begun"] * 8,
    ]
    assert "cannot be checked" in shown.stderr


def test_a_comparison_that_was_asked_for_is_refused(moved: Path) -> None:
    assert precepts("status", str(moved), "--recipe", "nowhere.yaml").returncode == 2
    assert precepts("status", str(moved), "--set", "label.shots=0").returncode == 2


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    shown = precepts("status", str(tmp_path))
    assert shown.returncode == 2 and "this is no run folder" in shown.stderr
