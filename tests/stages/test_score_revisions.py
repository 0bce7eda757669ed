"""Scores of rounds: each response once as it began and once for each usable revision, at most so many responses."""

from __future__ import annotations

from pathlib import Path

import pytest

from handmade import revision, write
from precepts.evidence import ScoredRevision
from precepts.executors.local import LocalExecutor
from precepts.prompts.formats import Format
from precepts.records import Revision
from precepts.runs.folder import Run, open_stage
from precepts.runs.progress import Progress
from precepts.stages import score_revisions as stage


@pytest.mark.parametrize(("most", "responses"), [(256, 5), (2, 2)])
def test_every_usable_text_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, responses: int
) -> None:
    style: Format = "chat"
    monkeypatch.setattr(stage, "MOST", most)
    monkeypatch.setattr(stage, "scorer", lambda run, style: lambda rows: [float(len(text)) for _, text in rows])
    rounds = [revision(n, number, previous="a" * number, text="b" * n) for n in range(1, 6) for number in (1, 2)]
    rounds += [revision(n, 3, text="", unusable="empty") for n in range(1, 6)]
    write(Run(tmp_path), "revise", {"records": (Revision, rounds)})
    folder = open_stage(Run(tmp_path), "evaluate", {}, "evaluate", 7, LocalExecutor(), Progress(quiet=True))
    stage.score_revisions(folder, style)
    found = list(Run(tmp_path).read("evaluate", ScoredRevision, "revisions"))
    assert len({each.response_id for each in found}) == responses
    assert [each.round for each in found] == [0, 1, 2] * responses
    by_id = {revision(n, 1).response_id: float(n) for n in range(1, 6)}
    assert all(each.score == (1.0 if each.round == 0 else by_id[each.response_id]) for each in found)
