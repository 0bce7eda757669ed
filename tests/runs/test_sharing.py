"""Adopting a stage from a sibling: links, the state last, what is left alone, who is said to have paid."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precepts.executors.local import LocalExecutor
from precepts.records import Rollout
from precepts.runs.fingerprint import Parts
from precepts.runs.folder import Run, open_stage
from precepts.runs.progress import Progress
from precepts.runs.sharing import adopt, arms_of, cost_of_all, own_cost
from precepts.runs.walk import Step, walk

PARTS: Parts = {"seed": 0, "pm.epochs": 1.0}


def worked(run: Run, parts: Parts = PARTS, *, finish: bool = True) -> Run:
    """`run` with the stage `pm` and its model, done or about to be."""
    folder = open_stage(run, "pm", parts, "pm", 0, LocalExecutor(), Progress(quiet=True))
    folder.write_records(Rollout, [Rollout(0, "p", "helpful", "text", 0.5)], (10, 5))
    (run.model("pm") / "below").mkdir(parents=True)
    for name in ("config.json", "below/weights.safetensors"):
        (run.model("pm") / name).write_text("{}")
    if finish:
        folder.finish({"usable": 1})
    return run


def arms(folder: Path, *names: str) -> list[Run]:
    runs = [Run(folder / "arms" / name) for name in names]
    for run in runs:
        run.path.mkdir(parents=True)
    return runs


def files(run: Run) -> set[str]:
    return {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}


def test_a_done_stage_is_linked_with_its_models(tmp_path: Path) -> None:
    one, two, three = arms(tmp_path, "one", "two", "three")
    worked(one)
    assert adopt(two, [one], "pm", PARTS, ["pm"]) == "one"
    assert files(two) == files(one)
    for name in files(one) - {"pm/stage.json"}:
        assert (one.path / name).samefile(two.path / name)
    assert not (one.path / "pm/stage.json").samefile(two.path / "pm/stage.json")
    state = two.state("pm")
    assert state is not None and state.done and state.shared_from == "one" and state.counts == {"usable": 1}
    assert list(two.read("pm", Rollout)) == list(one.read("pm", Rollout))
    assert adopt(three, [two], "pm", PARTS, ["pm"]) == "one"  # who did the work, not who handed it on


def test_it_is_copied_where_the_disk_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    one, two = arms(tmp_path, "one", "two")
    assert adopt(two, [worked(one)], "pm", PARTS, ["pm"]) == "one"
    assert files(two) == files(one)
    assert not (one.path / "pm/records-00000.parquet").samefile(two.path / "pm/records-00000.parquet")


def test_further_models_go_with_their_stage(tmp_path: Path) -> None:
    one, two, three = arms(tmp_path, "one", "two", "three")
    folder = open_stage(one, "pm", PARTS, "pm", 0, LocalExecutor(), Progress(quiet=True))
    for name in ("pm", "pm-4", "pm-12"):
        one.model(name).mkdir(parents=True)
        (one.model(name) / "config.json").write_text(name)
    folder.finish({}, ["pm-4", "pm-12"])
    assert adopt(two, [one], "pm", PARTS, ["pm", "pm-[0-9]*"]) == "one"
    assert files(two) == files(one)
    state = two.state("pm")
    assert state is not None and state.models == ["pm-4", "pm-12"]
    two.model("sl").mkdir()
    two.remove("pm", ["pm", "pm-[0-9]*"])
    assert two.models(["*"]) == ["sl"] and one.models(["*"]) == ["pm", "pm-12", "pm-4"]
    (one.model("pm-12") / "config.json").unlink()
    assert adopt(three, [one], "pm", PARTS, ["pm", "pm-[0-9]*"]) == ""  # one of them is gone


def lose_a_shard(run: Run) -> None:
    next((run.path / "pm").glob("*.parquet")).unlink()


def lose_the_model(run: Run) -> None:
    (run.model("pm") / "config.json").unlink()


def damage_the_state(run: Run) -> None:
    (run.path / "pm" / "stage.json").write_text("{")


@pytest.mark.parametrize("spoil", [lose_a_shard, lose_the_model, damage_the_state])
def test_what_is_not_whole_is_not_adopted(spoil: Callable[[Run], None], tmp_path: Path) -> None:
    one, two = arms(tmp_path, "one", "two")
    spoil(worked(one))
    assert adopt(two, [one], "pm", PARTS, ["pm"]) == ""
    assert files(two) == set()


def test_what_is_not_done_or_other_is_not_adopted(tmp_path: Path) -> None:
    one, two, three = arms(tmp_path, "one", "two", "three")
    worked(one, finish=False)
    worked(two, {**PARTS, "pm.epochs": 2.0})
    assert adopt(three, [one, two], "pm", PARTS, ["pm"]) == ""


def step(name: str, parts: Parts, ran: list[str]) -> Step:
    def go(folder: Any) -> None:
        ran.append(folder.name)
        worked_model = folder.run.model("pm")
        assert not worked_model.exists(), "what an adoption cut short has left"
        folder.write_records(Rollout, [])
        folder.finish({})

    return Step(name, (), parts, go, models=("pm",))


def run_pm(run: Run, ran: list[str], siblings: list[Run], parts: Parts = PARTS) -> bool:
    quiet = Progress(quiet=True)
    return walk([step("pm", parts, ran)], "seed: 0\n", 0, run, LocalExecutor(), quiet, siblings=siblings)


def test_a_walk_adopts_before_it_runs(tmp_path: Path) -> None:
    one, two, three = arms(tmp_path, "one", "two", "three")
    worked(one)
    ran: list[str] = []
    assert run_pm(two, ran, [three, one]) and ran == []
    assert not run_pm(two, ran, [three, one])
    assert run_pm(three, ran, [one, two], {**PARTS, "pm.epochs": 2.0}) and ran == ["pm"]


def test_an_adoption_cut_short_is_mended(tmp_path: Path) -> None:
    one, two, three = arms(tmp_path, "one", "two", "three")
    worked(one)
    for run in (two, three):  # as a kill leaves them: everything but the state
        adopt(run, [one], "pm", PARTS, ["pm"])
        (run.path / "pm" / "stage.json").unlink()
    before = {name: (one.path / name).read_bytes() for name in files(one)}
    ran: list[str] = []
    assert run_pm(two, ran, [one]) and ran == []
    assert run_pm(three, ran, []) and ran == ["pm"]
    assert {name: (one.path / name).read_bytes() for name in files(one)} == before


def test_a_stage_redone_leaves_the_siblings_alone(tmp_path: Path) -> None:
    one, two = arms(tmp_path, "one", "two")
    worked(one)
    adopt(two, [one], "pm", PARTS, ["pm"])
    before = {name: (two.path / name).read_bytes() for name in files(two)}
    one.remove("pm", ["pm"])
    assert {name: (two.path / name).read_bytes() for name in files(two)} == before


def test_what_is_shared_is_paid_for_once(tmp_path: Path) -> None:
    one, two, three = arms(tmp_path, "one", "two", "three")
    worked(one)
    for run in (two, three):
        adopt(run, [one], "pm", PARTS, ["pm"])
    states = [[run.state("pm"), run.state("rl")] for run in (one, two, three)]
    assert own_cost(states[0])[:2] == (10, 5)
    assert own_cost(states[1]) == (0, 0, 0)
    assert cost_of_all(states)[:2] == (10, 5)
    assert cost_of_all(states[1:])[:2] == (10, 5)  # whoever did the work is not among them


def test_the_arms_of_a_folder(tmp_path: Path) -> None:
    assert arms_of(tmp_path) == {}
    (tmp_path / "recipe.yaml").write_text("seed: 0\n")
    assert arms_of(tmp_path) == {}
    (tmp_path / "recipe.yaml").write_text(json.dumps({"arms": {"b": {}, "a": {}, "../out": {}}}))
    assert {name: run.path for name, run in arms_of(tmp_path).items()} == {
        name: tmp_path / "arms" / name for name in ("b", "a")
    }
    (tmp_path / "recipe.yaml").write_text("{")
    (tmp_path / "arms" / "kept").mkdir(parents=True)
    (tmp_path / "arms" / "kept" / "recipe.yaml").touch()
    assert list(arms_of(tmp_path)) == ["kept"]
