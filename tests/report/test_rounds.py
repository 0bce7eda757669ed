"""Rounds of revision on the page: what changed word by word, what came of it, and what can be filtered."""

from __future__ import annotations

from pathlib import Path

import pytest

from handmade import SAID, evaluation, make_run, revision, write
from precepts.evidence import Evaluation, ScoredRevision
from precepts.records import Revision
from precepts.report import gather
from precepts.report.differences import differences
from precepts.report.filters import answer_filters, answer_tags, round_filters
from precepts.report.left_out import left_out_table
from precepts.report.rounds import revised
from precepts.runs.folder import Run


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ("Take the left road.", "Take the right road.", ["Take the", "- left", "+ right", " road."]),
        ("Go on.", "Go on. Or stay.", ["Go on.", "+ Or stay."]),
        ("Go  on.", "Go\non.", ["Go\non."]),
        ("One two three four.", "No, talk with him instead.", []),
        ("", "Something.", []),
        ("", "", []),
    ],
)
def test_words_are_marked(before: str, after: str, pieces: list[str]) -> None:
    sign = {"": "", "del": "-", "ins": "+"}
    assert [sign[piece.change] + piece.text for piece in differences(before, after)] == pieces


def test_the_pieces_make_the_revision() -> None:
    pieces = differences(SAID["complies"], SAID["complies"].replace("one step after another", "your time"))
    assert "".join(piece.text for piece in pieces if piece.change != "ins") == SAID["complies"]
    assert "".join(piece.text for piece in pieces if piece.change != "del").count("your time") == 1


def test_what_came_of_a_round(tmp_path: Path) -> None:
    run, one = Run(tmp_path), revision(0, 1)
    rounds = [
        one,
        revision(0, 2, previous=one.text, text=one.text),
        revision(0, 3, previous=one.text, text="", unusable="empty"),
    ]
    write(run, "revise", {"records": (Revision, rounds)})
    scores = [ScoredRevision(one.response_id, one.prompt_id, number, s) for number, s in enumerate((1.0, 0.5, 0.75))]
    write(run, "evaluate", {"revisions": (ScoredRevision, scores)})
    shown = revised(run, {one.principle_id: "A title"})
    assert [each.tags[0] for each in shown.items[0].rounds] == ["round-1", "round-2", "round-3"]
    assert [each.tags[2:] for each in shown.items[0].rounds] == [("anew", "worse"), ("same", "better"), ("unusable",)]
    assert [each.scored for each in shown.items[0].rounds] == ["−0.50", "+0.25", ""]
    names = {
        each.name: each.options for each in round_filters([r.tags for r in shown.items[0].rounds], shown.principles)
    }
    assert names["Round"] == (("round-1", "1 (1)"), ("round-2", "2 (1)"), ("round-3", "3 (1)"))
    assert "A title (1)" in [label for _, label in names["Principle"]]


def test_a_worse_answer_is_told_by_its_kind_of_prompt() -> None:
    def tags(kind: str, before: str, after: str | None, score: float = 0.0) -> tuple[str, ...]:
        first: Evaluation = evaluation("start", kind, 0, before, score=0.5)
        return answer_tags({"start": first, "rl": evaluation("rl", kind, 0, after, score=score)})

    assert tags("red_team", "refuses", "complies") == (
        "kind-red_team", "start-refuses", "rl-complies", "worse-rl", "lower-rl",
    )  # fmt: skip
    assert "worse-rl" in tags("red_team", "refuses", "evades")
    assert "better-rl" in tags("red_team", "partly", "refuses")
    assert "worse-rl" in tags("helpful", "complies", "refuses")
    assert tags("helpful", "complies", None, 1.0) == ("kind-helpful", "start-complies", "rl-unscored")
    found = answer_filters([tags("helpful", "complies", "refuses")] * 2, {"start": "start", "rl": "RL-CAI"})
    assert [(each.name, each.options) for each in found] == [
        ("Verdict", (("start-complies", "start: complies (2)"), ("rl-refuses", "RL-CAI: refuses (2)"))),
        (
            "Beside start",
            (("worse-rl", "RL-CAI has a worse verdict (2)"), ("lower-rl", "RL-CAI has a lower score (2)")),
        ),
    ]


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write(run, "prompts", {}, counts={"red_team, train": 60, "red_team, given twice": 3})
    write(run, "sl", {}, counts={"revisions": 50, "helpful responses": 40, "looping, left out": 10})
    rows = {row.name: row.cells[0] for row in left_out_table(gather.gather(run)).rows}
    assert rows["prompts · red_team, given twice"].value == "3"
    assert (rows["sl · looping, left out"].value, rows["sl · looping, left out"].interval) == ("10", "10\u00a0%")
    assert left_out_table(gather.gather(Run(tmp_path))).rows == ()
