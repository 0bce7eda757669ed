"""The paper's figures: drawn from a run and its arms, each missing one told with what it needs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from handmade import RECIPE, evaluation, make_run, match, write
from precepts.cli.figures import figures_command
from precepts.errors import InputError
from precepts.evidence import Evaluation, Grade, Match, ScoredRevision
from precepts.records import TrainingStep
from precepts.report.drawing import _apart, beside_points, figure
from precepts.report.figure_data import SELF_JUDGED, figure_data, in_order, model_name
from precepts.report.figure_page import standalone, write_figures
from precepts.report.figures import FIGURES
from precepts.report.glance import at_a_glance
from precepts.report.grades_table import grade_tables
from precepts.report.tournament_view import tournament_tables
from precepts.runs.folder import Run

MODELS = ("start", "sl", "rl-2", "rl-4", "rl")
STRENGTH = {"start": 0.0, "sl": 0.5, "rl-2": 0.8, "rl-4": 1.0, "rl": 1.2}


def played(aim: str, judge: str = "judge") -> list[Match]:
    """Every pair of models on 20 prompts; the stronger wins more often for harmlessness, less for helpfulness."""
    chance, sign = random.Random(aim), 1 if aim == "harmless" else -0.4
    pairs = [(one, other) for place, one in enumerate(MODELS) for other in MODELS[place + 1 :]]
    return [
        match(number, one, other, 0.5 + 0.3 * sign * (STRENGTH[one] - STRENGTH[other]) + chance.gauss(0, 0.1), aim=aim)
        for one, other in pairs
        for number in range(20)
    ]


def add_evidence(run: Run) -> None:
    """A tournament, RL's snapshots and grades of harm beside what `make_run` has."""
    rows: dict[str, tuple[type, list[Any]]] = {"matches": (Match, played("harmless") + played("helpful"))}
    write(run, "tournament", rows)
    chance = random.Random(5)
    for place, model in enumerate(MODELS):
        graded = [
            replace(
                evaluation(model, "red_team", number, "complies"),
                grades=(Grade("harm", value=2.5 - 0.4 * place + chance.gauss(0, 0.3)), Grade("length", value=9.0)),
            )
            for number in range(20)
        ]
        write(run, "evaluate", {f"answers-{model}": (Evaluation, graded)})
    revisions = [ScoredRevision(f"r{n}", f"p{n}", k, chance.gauss(k, 1)) for n in range(20) for k in range(4)]
    write(run, "evaluate", {"revisions": (ScoredRevision, revisions)})


def arm(folder: Path, name: str, counts: dict[str, int], **settings: Any) -> Run:
    run = make_run(folder / "arms" / name, per_kind=4)
    recipe = {**yaml.safe_load(RECIPE), "rl": {"batch_size": 24}, **settings}
    (run.path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    write(run, "pm", {"records": (TrainingStep, [])}, counts=counts)
    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arms for figures 5, 6 and 7; the first has everything else."""
    folder = tmp_path_factory.mktemp("figures") / "run"
    ai, helpful = {"AI labels": 60}, {"human helpfulness comparisons": 60}
    add_evidence(arm(folder, "base", ai | helpful))
    arm(folder, "direct", ai | helpful, revise={"direct_revision": True})
    arm(folder, "four", ai | helpful, constitution={"source": "default", "sample": 4})
    arm(folder, "helpful", helpful)
    arm(folder, "harmless", ai)
    names = ("base", "direct", "four", "helpful", "harmless")
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"arms": {name: {} for name in names}}, sort_keys=False))
    return folder


def test_all_figures_are_drawn_where_there_is_data(whole: Path, tmp_path: Path) -> None:
    files, missing = write_figures(whole, tmp_path / "out")
    assert missing == []
    assert [path.name for path in files[1:]] == [f"figure-{n}.svg" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)]
    page = files[0].read_text("utf-8")
    assert page.count('<svg role="img"') == 10 and "Not drawn" not in page
    assert "from its arm base" in page
    assert "Judged by judge. In the paper people did." in page
    first = [path.read_bytes() for path in files]
    again, _ = write_figures(whole, tmp_path / "again")
    assert [path.read_bytes() for path in again] == first


def test_the_figures_say_what_they_show(whole: Path) -> None:
    data = figure_data(whole)
    drawn = {each.number: each.draw(data) for each in FIGURES}
    words = {number: f"{picture.svg} {picture.caption}" for number, picture in drawn.items() if picture}
    for name in ("PM of both", "helpful PM", "harmless PM"):
        assert name in words[5]
    assert "4 principles" in words[6] and "34 principles" in words[6]
    assert "direct revision" in words[7] and "critique first" in words[7]
    assert "One preference model scores all" in words[7]
    assert "step 2" in words[2] and "SL-CAI" in words[2]
    assert data.sequences("rl-4") == 96 and data.sequences("sl") == 0 and data.sequences("start") is None
    assert data.harm["start"].value > data.harm["rl"].value
    assert data.ratings["harmless"]["rl"].low > 0


def test_a_bare_run_says_what_each_missing_figure_needs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_kind=4)
    files, missing = write_figures(run.path, tmp_path / "out")
    assert [path.name for path in files[1:]] == [f"figure-{n}.svg" for n in (4, 5, 9, 12)]
    assert [sentence.split(" (")[0] for sentence in missing] == [f"figure {n}" for n in (2, 3, 6, 7, 8, 10)]
    assert "needs arms that differ in revise.direct_revision" in missing[3]
    assert "Figure 10 (absolute harmfulness) needs the grader harm" in files[0].read_text("utf-8")


def test_a_judge_that_made_the_labels_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_kind=4)
    write(run, "tournament", {"matches": (Match, [replace(each, judge="smollm2-135m") for each in played("harmless")])})
    data = figure_data(run.path)
    assert data.self_judged
    by_model = next(each for each in FIGURES if each.number == 3).draw(data)
    assert by_model and SELF_JUDGED in by_model.caption
    assert SELF_JUDGED in tournament_tables(data)[0].note
    assert {tile.on for tile in at_a_glance(data.own.found.board, data) if "Elo" in tile.on} == {
        "tournament, Elo, judged by the labeler"
    }


@pytest.mark.parametrize(("feedback", "itself"), [(None, True), ("smollm2-135m", True), ("/models/other", False)])
def test_a_grader_of_harm_that_made_the_labels_is_told(tmp_path: Path, feedback: str | None, itself: bool) -> None:
    run = make_run(tmp_path / "run", per_kind=4)
    recipe = yaml.safe_load(RECIPE) | {"models": {"start": "smollm2-135m", "feedback": feedback}}
    (run.path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    rows = [evaluation("start", "red_team", n, "complies", grades=(Grade("harm", value=2.0),)) for n in range(4)]
    write(run, "evaluate", {"answers-start": (Evaluation, rows)})
    data = figure_data(run.path)
    assert data.harm_self_judged is itself
    drawn = next(each for each in FIGURES if each.number == 10).draw(data)
    (table,) = [each for each in grade_tables(data.own.found.board, data.graded_by) if "red-team" in each.title]
    for words in (drawn.caption if drawn else "", table.note):
        assert (SELF_JUDGED in words) is itself
        assert f"Graded by {'smollm2-135m' if itself else 'other'}." in words


def test_a_run_that_has_not_begun_has_no_figures(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(InputError, match="no stage of this run has begun"):
        figure_data(tmp_path)


def test_an_svg_stands_on_its_own(whole: Path) -> None:
    picture = FIGURES[2].draw(figure_data(whole))
    assert picture
    svg = standalone(picture)
    assert svg.startswith('<?xml version="1.0"') and svg.count("<style>") == 1
    assert "prefers-color-scheme: dark" in svg and "--ink:" in svg
    assert "<script" not in svg and "http://www.w3.org/2000/svg" in svg


def test_names_of_points_cover_neither_each_other_nor_a_point() -> None:
    points = [("start", 0.0, 0.0), ("SL-CAI", 0.0, 0.0), ("step 2", 0.5, 0.0), ("RL-CAI", 10.0, 10.0)]
    with figure(4.0, 3.0) as drawn:
        axes = drawn.subplots()
        axes.plot([x for _, x, _ in points], [y for _, _, y in points], "o")
        beside_points(axes, points)
        places = [(text.get_text(), text.xyann, text.get_ha()) for text in axes.texts]
    assert [name for name, _, _ in places] == [name for name, _, _ in points]
    assert places[0][1:] != places[1][1:]  # on one point, so on two of its sides
    assert places[3][1:] == ((6, 6), "left")  # nobody near it: right above


def test_labels_of_lines_stand_apart() -> None:
    assert _apart([1.0, 1.0, 5.0], 2.0) == [1.0, 3.0, 5.0]
    assert _apart([4.0, 1.0, 3.5], 1.0) == [4.5, 1.0, 3.5]


def test_models_in_order() -> None:
    assert in_order(["rl", "zephyr", "rl-10", "rl-9", "start", "sl"]) == [
        "start",
        "sl",
        "rl-9",
        "rl-10",
        "rl",
        "zephyr",
    ]
    assert [model_name(each) for each in ("start", "rl", "rl-10", "zephyr")] == ["start", "RL-CAI", "step 10", "zephyr"]


def test_the_command_draws_and_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", per_kind=4)
    figures_command(run.path, None)
    said = capsys.readouterr().out
    assert f"Figures: {run.path / 'figures' / 'index.html'} (figure-4.svg, " in said
    assert "Not drawn: figure 10 (absolute harmfulness) needs the grader harm among evaluate.graders" in said
    with pytest.raises(InputError, match="this is no run folder"):
        figures_command(tmp_path, None)
