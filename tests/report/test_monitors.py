"""RL on its way in the report: curves, a table, doubts; with monitors and without."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from handmade import RECIPE, make_run, write, write_looks
from precepts.records import Rollout, TrainingStep
from precepts.report import model_card, write_report
from precepts.report.gather import gather
from precepts.report.monitors import monitor_doubts, monitor_pictures, monitor_tables
from precepts.runs.folder import Run

STOPPED = "after step 60: repetition 0.31 is past 0.3"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = make_run(tmp_path_factory.mktemp("monitored") / "run", 4)
    (run.path / "recipe.yaml").write_text(f"{RECIPE}rl: {{monitor: {{every: 20}}, stop: {{repetition: 0.3}}}}\n")
    write_looks(run, random.Random(5), stopped=STOPPED)
    return run


def test_looks_are_those_of_the_monitors(run: Run) -> None:
    found = gather(run)
    assert [look.step for look in found.looks] == [0, 20, 40, 60]
    assert [look.rollouts.answers for look in found.looks] == [0, 80, 80, 80]
    assert [look.held_aside.answers for look in found.looks] == [18] * 4
    assert found.looks[-1].kl == pytest.approx(sum(0.003 * n for n in range(41, 61)) / 20)


def test_the_curves_show_both_and_the_bound(run: Run) -> None:
    way, astray = monitor_pictures(gather(run))
    for words in (">rollouts<", ">held aside<", "Preference-model score", "KL to SL-CAI"):
        assert words in way.svg
    assert "Needless refusal" in astray.svg
    assert "at 4 looks" in way.caption and "18 held-out prompts" in way.caption
    assert ["A dashed line is the bound" in each.caption for each in (way, astray)] == [False, True]


def test_the_table_has_a_column_a_look_and_no_empty_row(run: Run) -> None:
    (table,) = monitor_tables(gather(run))
    assert table.columns == tuple(f"after step {step}" for step in (0, 20, 40, 60))
    rows = {row.name: [cell.value for cell in row.cells] for row in table.rows}
    assert rows["KL to SL-CAI, nats a token"] == ["", "0.032", "0.091", "0.151"]
    assert rows["Repetition: rollouts"][0] == ""
    assert len(rows) == 13


def test_doubts_name_the_stop_and_what_only_the_rollouts_show(run: Run) -> None:
    points = {doubt.point: doubt.why for doubt in monitor_doubts(gather(run))}
    assert f"It ended {STOPPED}" in points["RL was ended by its stop rule"]
    assert "RL's rollouts repeat themselves" in points
    assert "RL's rollouts are made of stock sentences" in points
    gap = points["The score rose on RL's own prompts and is not shown to have risen on prompts held aside"]
    assert gap.endswith("(n = 12).")


def test_the_page_says_why_it_stopped(run: Run) -> None:
    page = write_report(run).read_text("utf-8")
    assert '<section id="monitors">' in page
    assert f"done, stopped {STOPPED}" in page
    assert f"It ended {STOPPED}" in model_card(run)


def test_without_monitors_the_rollouts_are_shown_in_equal_stretches(tmp_path: Path) -> None:
    run = Run(tmp_path)
    steps = [TrainingStep(n, None, 0.0, None, None, 1.0, None, None) for n in range(1, 41)]
    rollouts = [Rollout(n, "p", "helpful", "Mix flour with water.", 1.0) for n in range(1, 41)]
    write(run, "rl", {"records": (TrainingStep, steps), "rollouts": (Rollout, rollouts)})
    found = gather(run)
    assert len(found.looks) == 21
    for picture in monitor_pictures(found):
        assert ">held aside<" not in picture.svg and "held aside" not in picture.caption
        assert "KL" not in picture.svg
    (table,) = monitor_tables(found)
    assert len(table.columns) == 7 and table.columns[-1] == "after step 40"
    assert not list(monitor_doubts(found))


def test_a_run_without_rl_has_none_of_it(tmp_path: Path) -> None:
    found = gather(Run(tmp_path))
    assert (monitor_pictures(found), monitor_tables(found), list(monitor_doubts(found))) == ([], [], [])
