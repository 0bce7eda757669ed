"""Which stages `execute` runs, redoes, refuses: the real plan, with stages that only note that they were called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from precepts import method
from precepts.errors import InputError
from precepts.method import STAGES, execute, steps
from precepts.recipe import Recipe
from precepts.records import TrainingStep
from precepts.runs.fingerprint import Parts
from precepts.runs.folder import Run, StageFolder
from precepts.runs.progress import Progress
from precepts.runs.walk import all_parts, stale


def inputs(folder: Path) -> Recipe:
    """A recipe with a start model and a file of prompts in `folder`: enough for a plan, nothing that would run."""
    (folder / "model").mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        (folder / "model" / name).write_text("{}")
    (folder / "mine.jsonl").write_text('{"prompt": "How?"}\n')
    return recipe_at(folder)


def recipe_at(folder: Path, **changes: Any) -> Recipe:
    source = [{"source": str(folder / "mine.jsonl")}]
    return Recipe.model_validate(
        {"models": {"start": str(folder / "model")}, "prompts": {"red_team": source}, **changes}
    )


class Noting:
    """Stages that note their names, write a record and are done; `stop` is one that ends in the middle."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.stop: str | None = None
        self.before: Callable[[], None] = lambda: None

    def go(self, folder: StageFolder) -> None:
        self.before()
        self.ran.append(folder.name)
        with folder.task("", 2, unit="steps") as task:
            task.advance()
            if folder.name == self.stop:
                raise KeyboardInterrupt
            folder.write_records(TrainingStep, [])
        folder.finish({})

    def taken(self) -> list[str]:
        """What ran since the last call."""
        ran, self.ran = self.ran, []
        return ran


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Noting:
    """Every stage of the plan only notes that it ran."""
    noting = Noting()
    monkeypatch.setattr(method, "steps", lambda recipe, run: [replace(s, go=noting.go) for s in steps(recipe, run)])
    return noting


def go(folder: Path, recipe: Recipe, **options: Any) -> bool:
    return execute(recipe, made(folder), Progress(quiet=options.pop("quiet", True)), **options)


def made(folder: Path) -> Run:
    (folder / "run").mkdir(parents=True, exist_ok=True)
    return Run(folder / "run")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}


CHANGED_LABELS = {"label": {"shots": 0}}


def test_the_plan_is_in_the_order_of_the_stages(tmp_path: Path) -> None:
    plan = steps(inputs(tmp_path), Run(tmp_path))
    assert tuple(step.name for step in plan) == tuple(name for name in STAGES if name != "warm_up")
    warmed = recipe_at(tmp_path, warm_up={"demonstrations": [{"source": str(tmp_path / "mine.jsonl")}]})
    plan = steps(warmed, Run(tmp_path))
    assert tuple(step.name for step in plan) == STAGES
    assert {step.name for step in plan if "warm_up" in step.needs} == {"audit", "revise", "label", "tournament"}
    assert all(STAGES.index(name) < STAGES.index(step.name) for step in plan for name in step.needs)


def test_done_stages_are_passed_over(tmp_path: Path, noting: Noting) -> None:
    recipe = inputs(tmp_path)
    assert go(tmp_path, recipe, until="revise")
    assert noting.taken() == ["prompts", "respond", "revise"]  # the audit does not lead there
    assert go(tmp_path, recipe)
    assert noting.taken() == [name for name in STAGES if name not in ("prompts", "warm_up", "respond", "revise")]
    assert not go(tmp_path, recipe)


def test_checkpoints_that_a_kill_left_in_a_done_stage_go(tmp_path: Path, noting: Noting) -> None:
    recipe, scratch = inputs(tmp_path), tmp_path / "run" / "sl" / "scratch"
    go(tmp_path, recipe)
    scratch.mkdir()
    assert not go(tmp_path, recipe)
    assert not scratch.exists()


def test_a_changed_setting_is_refused_from_a_trainings_first_step_on(tmp_path: Path, noting: Noting) -> None:
    recipe, noting.stop = inputs(tmp_path), "sl"
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, recipe)
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"sl\.epochs was 1\.0, is 2\.0"):
        go(tmp_path, recipe_at(tmp_path, sl={"epochs": 2.0}))
    assert files(tmp_path) == before


def test_a_stage_that_ended_before_its_first_step_is_begun_anew(tmp_path: Path, noting: Noting) -> None:
    go(tmp_path, inputs(tmp_path), until="revise")
    state = tmp_path / "run" / "revise" / "stage.json"
    nothing = {**json.loads(state.read_text()), "done": False, "progress": {"done": 0, "total": 2, "unit": "steps"}}
    state.write_text(json.dumps(nothing))
    next((tmp_path / "run" / "revise").glob("*.parquet")).unlink()
    noting.taken()
    go(tmp_path, recipe_at(tmp_path, revise={"rounds": 1}), until="revise")
    assert noting.taken() == ["revise"]


@pytest.mark.parametrize(
    ("begin", "changes", "said"),
    [
        ("pm", CHANGED_LABELS, "stage pm reads label, which is to be redone; run without --from, or --from label"),
        ("rl", CHANGED_LABELS, "stage rl reads pm, which is to be redone; run without --from, or --from label"),
        ("evaluate", {"seed": 1}, "run without --from, or --from respond"),
    ],
)
def test_redo_checks_before_it_removes(
    begin: str, changes: dict[str, Any], said: str, tmp_path: Path, noting: Noting
) -> None:
    go(tmp_path, inputs(tmp_path))
    (tmp_path / "run" / "report.html").write_text("a page")
    before = files(tmp_path)
    with pytest.raises(InputError) as caught:
        go(tmp_path, recipe_at(tmp_path, **changes), begin=begin, redo=True)
    assert said in str(caught.value)
    assert files(tmp_path) == before


def test_a_stage_that_reads_what_is_not_done_is_refused_at_once(tmp_path: Path, noting: Noting) -> None:
    recipe = inputs(tmp_path)
    go(tmp_path, recipe, until="prompts")
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"stage pm reads label, which is not done; .* --from respond"):
        go(tmp_path, recipe_at(tmp_path, pm={"epochs": 2.0}), begin="pm")
    assert files(tmp_path) == before


def test_redo_says_what_it_redoes(tmp_path: Path, noting: Noting, capsys: pytest.CaptureFixture[str]) -> None:
    go(tmp_path, inputs(tmp_path))
    noting.taken()
    go(tmp_path, recipe_at(tmp_path, **CHANGED_LABELS), until="pm", redo=True, quiet=False)
    assert noting.taken() == ["audit", "label", "pm"]
    said = capsys.readouterr().err
    assert "redoing: audit, label, pm\n" in said
    assert "removed, for a later run to redo: rl, evaluate, tournament\n" in said


def test_redo_from_a_stage_goes_on_with_it_where_it_was_stopped(tmp_path: Path, noting: Noting) -> None:
    recipe = inputs(tmp_path)
    go(tmp_path, recipe)
    noting.stop = "sl"
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, recipe, begin="sl", redo=True)
    mark = tmp_path / "run" / "sl" / "checkpoint"
    mark.touch()
    noting.stop = None
    noting.before = lambda: None if "sl" in noting.ran else noting.ran.append(f"checkpoint: {mark.exists()}")
    noting.taken()
    go(tmp_path, recipe, begin="sl", redo=True)
    assert noting.taken()[:2] == ["checkpoint: True", "sl"]
    go(tmp_path, recipe, begin="sl", redo=True)
    assert noting.taken()[:2] == ["checkpoint: False", "sl"]


def test_a_report_is_gone_before_the_first_stage_runs(tmp_path: Path, noting: Noting) -> None:
    recipe, report = inputs(tmp_path), tmp_path / "run" / "report.html"
    go(tmp_path, recipe, until="rl")
    report.write_text("a page")
    go(tmp_path, recipe, until="rl")
    assert report.exists()
    noting.before = lambda: noting.ran.append(f"report: {report.exists()}")
    noting.taken()
    go(tmp_path, recipe)
    assert noting.taken()[:2] == ["report: False", "evaluate"]


def test_a_run_whose_inputs_have_moved_is_the_same_run(tmp_path: Path, noting: Noting) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    go(tmp_path, inputs(old))
    shutil.move(old, new)
    run = Run(tmp_path / "run")
    assert stale(run, all_parts(steps(recipe_at(new), run))) == {}
    assert not go(tmp_path, recipe_at(new))
    (new / "mine.jsonl").write_text('{"prompt": "Why?"}\n')
    (new / "model" / "model.safetensors").write_text("{ }")
    changed = stale(run, all_parts(steps(recipe_at(new), run)))
    assert any("red_team[0] (contents)" in phrase for phrase in changed["prompts"])
    assert any("models.start (weights)" in phrase for phrase in changed["respond"])


def test_no_part_names_a_place(tmp_path: Path) -> None:
    parts = all_parts(steps(inputs(tmp_path), Run(tmp_path)))
    assert str(tmp_path) not in json.dumps(parts)
    assert parts["respond"]["models.start"] == "model"
    assert parts["prompts"]["prompts.red_team[0].source"] == "mine.jsonl"


def test_a_script_that_is_not_there_is_told(tmp_path: Path) -> None:
    inputs(tmp_path)
    recipe = recipe_at(tmp_path, engine={"kind": "scripted", "script": str(tmp_path / "gone.yaml")})
    with pytest.raises(InputError, match=r"gone\.yaml: cannot be read \(No such file or directory\)"):
        steps(recipe, Run(tmp_path))


def test_a_warm_up_of_own_responses_hangs_on_how_they_are_sampled_and_not_on_how_many_are_revised(
    tmp_path: Path,
) -> None:
    inputs(tmp_path)

    def taught(**respond: object) -> Parts:
        recipe = recipe_at(tmp_path, warm_up={"demonstrations": [str(tmp_path / "mine.jsonl")]}, respond=respond)
        return all_parts(steps(recipe, Run(tmp_path)))["warm_up"]

    assert taught(samples=3, helpful_samples=1) == taught()
    assert taught(max_tokens=9) != taught()
