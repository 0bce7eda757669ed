"""The whole method, prompts to report, on the scripted engine and on a tiny random model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import SCRIPT, contents, precepts, small_recipe

from precepts.evidence import Evaluation
from precepts.method import STAGES
from precepts.records import AIPreference, HumanComparison, Prompt, Response, Revision, Rollout
from precepts.runs.folder import Run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A finished run on the tiny model, by the command line."""
    folder = tmp_path_factory.mktemp("finished")
    done = precepts("run", str(small_recipe(folder, tiny_model)), "--run", str(folder / "run"))
    assert done.returncode == 0, done.stderr
    assert "Report:" in done.stdout and "before:" in done.stdout
    assert "left" in done.stderr  # progress with a time left
    return folder


def test_every_stage_is_done_and_writes_its_records(finished: Path) -> None:
    run = Run(finished / "run")
    for stage in STAGES:
        state = run.state(stage)
        assert state is not None and state.done, stage
        assert sum(state.records.values()) > 0, stage
    assert all((run.model(name) / "model.safetensors").is_file() for name in ("critic", "sl", "pm", "rl-2", "rl"))
    assert (run.path / "report.html").stat().st_size > 10_000


def test_records_hold_the_principle_and_the_odds_that_made_them(finished: Path) -> None:
    run = Run(finished / "run")
    assert {each.model for each in run.read("respond", Response)} == {"model"}  # the folder's name, not its place
    assert {each.model for each in run.read("revise", Revision)} == {"models/critic"}
    assert {each.model for each in run.read("label", AIPreference)} == {"models/critic"}
    revisions = list(run.read("revise", Revision))
    assert {each.round for each in revisions} == {1, 2}
    assert all(each.principle_id and each.principle_hash and each.critique_sent for each in revisions)
    labels = [each for each in run.read("label", AIPreference) if each.unscored is None]
    assert labels
    assert all([reading.order for reading in each.readings] == ["first", "swapped"] for each in labels)
    assert all(reading.logprobs and reading.sent for each in labels for reading in each.readings)
    assert all(0 <= (each.p_first or 0) <= 1 and each.principles for each in labels)
    audited = list(run.read("audit", AIPreference))
    assert len(audited) == 6
    assert all(each.human in ("first", "second") for each in audited)
    rollouts = list(run.read("rl", Rollout, "rollouts"))
    assert len(rollouts) == 3 * 4 and {each.step for each in rollouts} == {1, 2, 3}


def test_nothing_held_out_is_trained_on(finished: Path) -> None:
    run = Run(finished / "run")
    kept_out = {p.id for p in run.read("prompts", Prompt, "prompts") if p.split == "held_out"}
    assert kept_out
    used = {each.prompt_id for each in run.read("revise", Revision)}
    used |= {each.prompt_id for each in run.read("rl", Rollout, "rollouts")}
    assert not used & kept_out
    human = list(run.read("prompts", HumanComparison, "comparisons"))
    assert {each.split for each in human} == {"train", "held_out"}
    for name in ("start", "sl", "rl", "rl-2", "again"):
        answered = list(run.read("evaluate", Evaluation, f"answers-{name}"))
        assert answered and all(each.prompt_id in kept_out for each in answered)


def test_a_snapshot_and_a_named_model_answer_as_the_others_do(finished: Path) -> None:
    run = Run(finished / "run")
    state = run.state("rl")
    assert state is not None and state.models == ["rl-2"] and state.counts["snapshots"] == 1
    start, again, *others = (
        [(each.prompt_id, each.text, each.score) for each in run.read("evaluate", Evaluation, f"answers-{name}")]
        for name in ("start", "again", "sl", "rl-2", "rl")
    )
    assert start == again  # the same model by another name, with the same seeds
    assert all([each[0] for each in rows] == [each[0] for each in start] for rows in others)


def test_second_run_does_nothing_and_loads_no_torch(finished: Path) -> None:
    before = contents(finished / "run")
    script = (
        "import sys; from precepts.cli.main import main\n"
        f"sys.argv = ['precepts', 'run', {str(finished / 'recipe.yaml')!r}, '--run', {str(finished / 'run')!r}]\n"
        "main(); assert 'torch' not in sys.modules"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Nothing to do" in done.stdout
    assert contents(finished / "run") == before


def test_changed_setting_is_refused_by_name_and_changes_nothing(finished: Path) -> None:
    before = contents(finished / "run")
    recipe, run = str(finished / "recipe.yaml"), str(finished / "run")
    done = precepts("run", recipe, "--run", run, "--set", "label.shots=0")
    assert done.returncode == 2
    assert "label.shots was 1, is 0" in done.stderr and "--redo" in done.stderr
    assert "pm, evaluate" in done.stderr or "pm, rl, evaluate" in done.stderr
    assert contents(finished / "run") == before
    shown = precepts("status", run, "--set", "label.shots=0")
    assert shown.returncode == 0
    assert "stale (label.shots was 1, is 0)" in shown.stdout


def test_status_of_a_finished_run(finished: Path) -> None:
    shown = precepts("status", str(finished / "run"), "--json")
    lines = json.loads(shown.stdout)
    assert [each["stage"] for each in lines] == list(STAGES)
    assert {each["state"] for each in lines} == {"done"}
    assert all(each["tokens_in"] > 0 for each in lines if each["stage"] not in ("prompts",))


def test_until_and_redo_on_the_scripted_engine(tmp_path: Path, tiny_model: Path) -> None:
    recipe, run = small_recipe(tmp_path, tiny_model, scripted=True), tmp_path / "run"
    assert precepts("run", str(recipe), "--run", str(run), "--until", "revise").returncode == 0
    assert Run(run).state("sl") is None
    first = list(Run(run).read("revise", Revision))
    redone = precepts("run", str(recipe), "--run", str(run), "--until", "revise", "--redo", "--set", "revise.rounds=1")
    assert redone.returncode == 0, redone.stderr
    second = list(Run(run).read("revise", Revision))
    assert len(second) * 2 == len(first)
    early = precepts("run", str(recipe), "--run", str(run), "--from", "pm", "--set", "revise.rounds=1")
    assert early.returncode == 2 and "not done" in early.stderr


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_whole_method_on_the_scripted_engine(tmp_path: Path, tiny_model: Path, style: str) -> None:
    recipe, run = small_recipe(tmp_path, tiny_model, scripted=True, style=style), tmp_path / "run"
    done = precepts("run", str(recipe), "--run", str(run))
    assert done.returncode == 0, done.stderr
    texts = {each.text for each in Run(run).read("revise", Revision)}
    assert texts <= {reply for rule in SCRIPT["generate"] for reply in rule["replies"]}
    labels = list(Run(run).read("label", AIPreference))
    assert {each.p_first for each in labels} == {0.5}  # a script that likes (A) is evened out by asking both orders
