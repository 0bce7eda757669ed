"""Runs with arms, as a user starts them: what is shared, gone on with, redone, refused, shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from small import contents, precepts, small_recipe
from test_kill import drive

ARMS = {"rl-cai": {}, "rlhf": {"preferences.harmless": "human"}}
BEFORE_LABELS = ["prompts", "warm_up", "respond", "revise", "sl"]


def recipe_with(folder: Path, model: Path, arms: dict[str, Any]) -> Path:
    """The small recipe, scripted, with these arms."""
    path = small_recipe(folder, model, scripted=True)
    recipe = yaml.safe_load(path.read_text())
    recipe["preferences"]["harmless_comparisons"] = [{"source": "builtin:comparisons", "limit": 12}]
    path.write_text(yaml.safe_dump({**recipe, **({"arms": arms} if arms else {})}, sort_keys=False))
    return path


def go(*arguments: object) -> str:
    done = precepts(*map(str, arguments))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def refused(*arguments: object) -> str:
    done = precepts(*map(str, arguments))
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def states(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """What `status --json` says: by arm and stage."""
    lines = json.loads(go("status", folder, "--json"))
    return {arm: {line["stage"]: line for line in own} for arm, own in lines.items()}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    return recipe_with(tmp_path_factory.mktemp("recipe"), tiny_model, ARMS)


@pytest.fixture(scope="module")
def labelled(recipe: Path) -> tuple[Path, str]:
    """Both arms run until `label`, and what was told; not to be changed."""
    folder = recipe.parent / "labelled"
    return folder, go("run", recipe, "--run", folder, "--until", "label")


def test_arms_share_what_they_can(labelled: tuple[Path, str]) -> None:
    folder, told = labelled
    assert "arm rl-cai (1 of 2)" in told and "arm rlhf (2 of 2)" in told
    assert "[5/9] sl  as in rl-cai, shared" in told
    found = states(folder)
    assert list(found) == list(ARMS)
    shared = [stage for stage, line in found["rlhf"].items() if line["shared_from"] == "rl-cai"]
    assert shared == BEFORE_LABELS
    model = "models/sl/model.safetensors"
    assert (folder / "arms/rl-cai" / model).samefile(folder / "arms/rlhf" / model)


def test_the_folder_of_a_run_with_arms(labelled: tuple[Path, str]) -> None:
    folder, _ = labelled
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["arms"] == ARMS
    for name in ARMS:
        own = yaml.safe_load((folder / "arms" / name / "recipe.yaml").read_text())
        assert "arms" not in own
        assert own["preferences"]["harmless"] == ("human" if name == "rlhf" else "ai")
        assert (folder / "arms" / name / "report.html").exists()
        assert f'href="arms/{name}/report.html"' in (folder / "report.html").read_text()


def test_status_shows_a_column_for_each_arm(labelled: tuple[Path, str]) -> None:
    folder, _ = labelled
    rows = {line.split()[0]: line for line in go("status", folder).splitlines() if line.strip()}
    assert rows["stage"].split() == ["stage", "rl-cai", "rlhf"]
    assert "done, shared" in rows["sl"] and rows["sl"].count("done") == 2
    assert "not needed" in rows["label"]
    assert rows["pm"].split() == ["pm", "not", "begun", "not", "begun"]
    found = states(folder)
    tokens = sum(line["tokens_in"] for own in found.values() for line in own.values() if not line["shared_from"])
    assert f"counted once: {tokens:,} tokens in" in go("status", folder)
    assert found["rlhf"]["audit"]["state"] == "not needed"


def test_status_of_one_arm_counts_its_own_alone(labelled: tuple[Path, str]) -> None:
    shown = go("status", labelled[0] / "arms" / "rlhf")
    assert "done, shared from rl-cai" in shown
    (total,) = [line for line in shown.splitlines() if line.startswith("all")]
    assert total.split() == ["all", "0", "0", "0:00"]


def test_status_compares_each_arm_with_what_is_asked(labelled: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = labelled
    shown = go("status", folder, "--set", "revise.rounds=1")
    assert "arm rl-cai, stage revise: revise.rounds was 2, is 1" in shown
    assert "arm rlhf, stage revise: revise.rounds was 2, is 1" in shown
    assert "it has no arm rl-cai" in refused("status", folder, "--recipe", "demo")


def test_a_run_that_is_done_is_passed_over(recipe: Path, labelled: tuple[Path, str]) -> None:
    folder, _ = labelled
    before = files(folder)
    assert "Nothing to do" in go("run", recipe, "--run", folder, "--until", "label")
    assert files(folder) == before


def test_a_stage_that_an_arm_has_not_ends_it_before(recipe: Path, tmp_path: Path) -> None:
    go("run", recipe, "--run", tmp_path / "run", "--until", "audit")
    found = states(tmp_path / "run")
    assert found["rl-cai"]["audit"]["state"] == "done"
    assert {stage for stage, line in found["rlhf"].items() if line["state"] == "done"} == {"prompts", "warm_up"}
    assert "there is no such stage; did you mean 'label'" in refused(
        "run", recipe, "--run", tmp_path / "run", "--until", "labels"
    )
    assert "audit comes after prompts" in refused(
        "run", recipe, "--run", tmp_path / "run", "--from", "audit", "--until", "prompts"
    )


def test_all_arms_are_checked_before_any_is_changed(tmp_path: Path, tiny_model: Path) -> None:
    recipe = recipe_with(tmp_path, tiny_model, {"a": {"revise.rounds": 1}, "b": {"revise.shots": 0}})
    run = tmp_path / "run"
    go("run", recipe, "--run", run, "--until", "revise")
    before = files(run)
    recipe_with(tmp_path, tiny_model, {"new": {}, "a": {"revise.rounds": 1}, "b": {"revise.shots": 1}})
    said = refused("run", recipe, "--run", run, "--until", "revise")
    assert "arm b: " in said and "revise.shots was 0, is 1" in said and "--redo" in said
    assert files(run) == before
    go("run", recipe, "--run", run, "--until", "revise", "--redo")
    found = states(run)
    assert list(found) == ["new", "a", "b"]
    assert found["b"]["revise"]["shared_from"] == "new"  # as the new arm is now


def test_an_arm_that_a_recipe_names_no_more_is_left_and_lends(tmp_path: Path, tiny_model: Path) -> None:
    recipe, run = recipe_with(tmp_path, tiny_model, {"a": {}}), tmp_path / "run"
    go("run", recipe, "--run", run, "--until", "respond")
    recipe_with(tmp_path, tiny_model, {"b": {}})
    told = go("run", recipe, "--run", run, "--until", "respond")
    assert "left as they are, no arms of this recipe: a" in told
    found = states(run)
    assert list(found) == ["b"] and found["b"]["respond"]["shared_from"] == "a"


def test_redo_from_a_stage_does_it_once_for_all(tmp_path: Path, tiny_model: Path) -> None:
    recipe, run = recipe_with(tmp_path, tiny_model, {"a": {}, "b": {"seed": 13}}), tmp_path / "run"
    go("run", recipe, "--run", run, "--until", "respond")
    old = (run / "arms/a/respond/records-00000.parquet").stat().st_ino
    told = go("run", recipe, "--run", run, "--until", "respond", "--from", "respond", "--redo")
    assert told.count("respond  as in a, shared") == 1
    new = [(run / "arms" / arm / "respond/records-00000.parquet").stat().st_ino for arm in "ab"]
    assert new[0] == new[1] != old


def test_mixing_is_refused(recipe: Path, labelled: tuple[Path, str], tmp_path: Path, tiny_model: Path) -> None:
    plain, folder = recipe_with(tmp_path, tiny_model, {}), tmp_path / "plain"
    go("run", plain, "--run", folder, "--until", "prompts")
    assert not (folder / "arms").exists()
    said = refused("run", recipe, "--run", folder)
    assert "was made without arms and the recipe has some (rl-cai, rlhf); choose another --run folder" in said
    assert "this run has arms (rl-cai, rlhf)" in refused("run", plain, "--run", labelled[0])
    assert "name one of their folders" in refused("trace", labelled[0], "abc")
    assert "without arms" in refused("sweep", plain, "--run", folder, "--set", "seed=1,2")


def test_a_sweep_shares_all_before_what_it_varies(tmp_path: Path, tiny_model: Path) -> None:
    recipe, run = recipe_with(tmp_path, tiny_model, {}), tmp_path / "run"
    sweep = ["sweep", recipe, "--run", run, "--set", "pm.harmless_weight=0.5,2", "--until"]
    go(*sweep, "label")
    found = states(run)
    names = [f"pm.harmless_weight={weight}" for weight in ("0.5", "2")]
    assert list(found) == names
    shared = {stage for stage, line in found[names[1]].items() if line["shared_from"] == names[0]}
    assert shared == {"audit", *BEFORE_LABELS, "pairs", "label"}
    told = go(*sweep, "pm")
    assert "preference model right" in told and names[1] in told
    assert all(own["pm"]["state"] == "done" and not own["pm"]["shared_from"] for own in states(run).values())
    page = (run / "report.html").read_text()
    assert "Human harmlessness comparisons" in page and "2 arms of one recipe" in page


def test_killed_at_any_moment_it_goes_on(tmp_path: Path, tiny_model: Path) -> None:
    recipe = recipe_with(tmp_path, tiny_model, {"a": {}, "b": {"revise.rounds": 1}})
    whole, run = tmp_path / "whole", tmp_path / "run"
    arguments = [str(recipe), "--until", "revise"]
    calls = int(drive(whole, [], *arguments, libraries="nothing")[-1])
    moments = [f"{round(calls * part)}:{when}" for part, when in [(0.3, "before"), (0.4, "after"), (0.15, "before")]]
    moments += ["12:after", "7:before", "5:after"]
    ends = drive(run, moments, *arguments, libraries="nothing")
    assert ends.count("killed") >= 4, (moments, ends)
    for arm in "ab":
        assert contents(run / "arms" / arm) == contents(whole / "arms" / arm), moments
    assert (run / "report.html").exists()


def test_another_process_is_told_to_wait(labelled: tuple[Path, str], recipe: Path) -> None:
    from precepts.runs.lock import locked

    with locked(labelled[0]):
        assert "this run is in use by" in refused("run", recipe, "--run", labelled[0])
