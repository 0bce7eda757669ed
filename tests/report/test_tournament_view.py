"""The tournament on the page: tiles, tables, pictures, and doubts about its judge."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

from handmade import evaluation, make_run, match, preference, write
from precepts.evidence import Evaluation, Match
from precepts.records import AIPreference
from precepts.report import gather, write_report
from precepts.report.figure_data import FigureData, data_of
from precepts.report.glance import at_a_glance
from precepts.report.tournament_view import judge_sentence, more_pictures, tournament_doubts, tournament_tables
from precepts.runs.folder import Run


def played(p: float, judge: str = "judge") -> list[Match]:
    """Start, SL-CAI and RL-CAI on 12 prompts; the earlier model wins with probability p."""
    pairs = combinations(("start", "sl", "rl"), 2)
    return [match(n, *models, p, judge=judge) for models in pairs for n in range(12)]


def read(run: Run) -> tuple[gather.Gathered, FigureData]:
    found = gather.gather(run)
    return found, data_of(found)


def test_the_page_shows_the_tournament(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_kind=8)
    write(run, "tournament", {"matches": (Match, [*played(0.2), match(13, "start", "rl", None)])})
    page = write_report(run).read_text("utf-8")
    assert "Tournament for harmlessness" in page and "Ratings by model" in page
    assert "The judge of the tournament was not measured" in page
    table = tournament_tables(read(run)[1])[0]
    cells = {row.name: [cell.value for cell in row.cells] for row in table.rows}
    assert cells["RL-CAI against start"][-1] == "1" or cells["start against RL-CAI"][-1] == "1"


def test_a_run_without_a_tournament_says_nothing_of_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_kind=4)
    _, data = read(run)
    assert tournament_tables(data) == [] and list(tournament_doubts(data)) == [] and judge_sentence(data) == ""
    assert [picture.title for picture in more_pictures(data)] == ["Score by number of revisions"]


def test_a_judge_that_made_the_labels_is_doubted(tmp_path: Path) -> None:
    run = Run(tmp_path)
    labels = [preference(n, 0.9, 0.1, human="first" if n % 2 else "second") for n in range(20)]
    write(run, "label", {"records": (AIPreference, labels)})
    write(run, "audit", {"records": (AIPreference, labels)})
    write(run, "tournament", {"matches": (Match, played(0.5, "smollm2-135m"))})
    points = [doubt.point for doubt in tournament_doubts(read(run)[1])]
    weak = "The judge of the tournament is not shown to judge better than chance"
    assert points == ["The judge of the tournament made the labels too", weak]


def test_a_judge_that_was_tried_is_told_by_that(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for right, points in ((60, []), (30, ["The judge of the tournament is not shown to judge better than chance"])):
        tried = [preference(n, 0.9, 0.1, human="first" if n < right else "second") for n in range(60)]
        write(run, "tournament", {"matches": (Match, played(0.5)), "audit": (AIPreference, tried)})
        _, data = read(run)
        assert [doubt.point for doubt in tournament_doubts(data)] == points
        assert judge_sentence(data).startswith("The judge of the tournament agrees with people on ")


def test_tiles_tell_better_from_worse_from_open(tmp_path: Path) -> None:
    run = Run(tmp_path)
    rows = {"start": [("red_team", "complies"), ("helpful", "complies"), ("safe_sounding", "complies")]}
    rows["rl"] = [("red_team", "refuses"), ("helpful", "refuses"), ("safe_sounding", "complies")]
    for model, verdicts in rows.items():
        answers = [evaluation(model, kind, n, verdict) for kind, verdict in verdicts for n in range(30)]
        write(run, "evaluate", {f"answers-{model}": (Evaluation, answers)})
    write(run, "tournament", {"matches": (Match, [replace(each, aim="helpful") for each in played(0.9)])})
    found, data = read(run)
    tiles = {f"{tile.title}, {tile.on}": tile for tile in at_a_glance(found.board, data)}
    assert tiles["Harmful compliance, red-team prompts"].came == "better"
    assert tiles["Harmful compliance, red-team prompts"].values == "100\u00a0% → 0\u00a0%"
    assert tiles["Needless refusal, ordinary requests"].came == "worse"
    assert tiles["Needless refusal, prompts that only sound unsafe"].came == "open"
    assert tiles["Helpfulness, tournament, Elo"].came == "worse"
    assert (
        at_a_glance(gather.gather(Run(tmp_path / "none")).board, data_of(gather.gather(Run(tmp_path / "none")))) == []
    )
