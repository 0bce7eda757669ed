"""A part of stage `evaluate`: what the preference model says of each round of revision (paper figure 5).

Reads the revisions, which are of training prompts, and writes `revisions`: the score of each initial response and of
each usable revision of it, for the `MOST` responses with the lowest hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest

from precepts.evidence import ScoredRevision
from precepts.identity import content_hash
from precepts.prompts.formats import Format
from precepts.records import Messages, Revision
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.stages.pm import Score, scorer

MOST = 256  # responses
_CHUNK = 128  # texts scored at a time


@dataclass(frozen=True)
class _Text:
    response_id: str
    prompt_id: str
    round: int
    messages: Messages
    text: str


def score_revisions(folder: StageFolder, style: Format) -> None:
    """Score the rounds with the run's preference model."""
    rows = list(_texts(folder.run))
    folder.write_chunks(
        ScoredRevision,
        rows,
        len(rows),
        _CHUNK,
        lambda: score_worker(scorer(folder.run, style)),
        set_name="revisions",
    )


def _texts(run: Run) -> Iterator[_Text]:
    ids = (each.response_id for each in run.read("revise", Revision) if each.round == 1)
    chosen = set(nsmallest(MOST, ids, key=lambda each: content_hash(["rounds", each])))
    for each in run.read("revise", Revision):
        if each.response_id not in chosen:
            continue
        if each.round == 1:
            yield _Text(each.response_id, each.prompt_id, 0, each.messages, each.previous)
        if each.unusable is None:
            yield _Text(each.response_id, each.prompt_id, each.round, each.messages, each.text)


def score_worker(score: Score) -> Worker:
    """Scores the texts of a chunk."""

    def work(chunk: Chunk[_Text]) -> ChunkResult:
        scores = score([(each.messages, each.text) for each in chunk.items])
        return ChunkResult(
            [
                ScoredRevision(each.response_id, each.prompt_id, each.round, score)
                for each, score in zip(chunk.items, scores, strict=True)
            ]
        )

    return work
