"""Critiques and revisions for the page: each response with its rounds, what a round changed, and what came of it.

Which responses are shown is chosen by hash, as in `transcripts`. Where the preference model has scored the rounds, a
round that it scored lower than the text before is told from one that it scored higher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from precepts.evidence import ScoredRevision
from precepts.records import Revision
from precepts.report.differences import Piece, differences
from precepts.report.filters import Tags, principle_tags
from precepts.report.numbers import decimal
from precepts.report.transcripts import Asked, Clip, asked, clip, lowest
from precepts.runs.folder import Run

SHOWN = 60
Scores = Mapping[tuple[str, int], float]


@dataclass(frozen=True)
class Round:
    """One round of critique and revision; `pieces` mark what the revision changed (none where it was written anew),
    `unusable` is the reason where it has one, `scored` the change of score in words ("" without)."""

    number: int
    principle: str
    critique: Clip
    revision: Clip
    pieces: tuple[Piece, ...]
    unusable: str | None
    scored: str
    tags: Tags


@dataclass(frozen=True)
class Revised:
    """A red-team prompt, the start model's response and the rounds on it."""

    asked: Asked
    response: Clip
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class Shown:
    """What is shown, with the titles of its principles by tag."""

    items: tuple[Revised, ...]
    principles: Mapping[str, str]


def revised(run: Run, titles: Mapping[str, str]) -> Shown:
    """Some responses with all their rounds; `titles` names principles by their id."""
    chosen: dict[str, list[Revision]] = {
        each: [] for each in lowest((r.response_id for r in run.read("revise", Revision) if r.round == 1), SHOWN)
    }
    for revision in run.read("revise", Revision):
        if revision.response_id in chosen:
            chosen[revision.response_id].append(revision)
    scores = {(each.response_id, each.round): each.score for each in run.read("evaluate", ScoredRevision, "revisions")}
    tags = principle_tags(each.principle_id for rounds in chosen.values() for each in rounds)
    items = [_revised(rounds, titles, tags, scores) for rounds in chosen.values() if rounds]
    return Shown(tuple(items), {tag: titles.get(name, name) for name, tag in tags.items()})


def _revised(rounds: Sequence[Revision], titles: Mapping[str, str], tags: Mapping[str, str], scores: Scores) -> Revised:
    ordered = sorted(rounds, key=lambda each: each.round)
    shown, before = [], scores.get((ordered[0].response_id, 0))
    for each in ordered:
        after = scores.get((each.response_id, each.round))
        shown.append(_round(each, titles.get(each.principle_id, each.principle_id), tags, before, after))
        before = after if each.unusable is None else before
    return Revised(asked(ordered[0].messages), clip(ordered[0].previous), tuple(shown))


def _round(revision: Revision, title: str, tags: Mapping[str, str], before: float | None, after: float | None) -> Round:
    text = clip(revision.text)
    pieces = differences(clip(revision.previous).text, text.text) if revision.unusable is None else ()
    change = after - before if after is not None and before is not None else None
    came = [
        "unusable" if revision.unusable else "same" if revision.text == revision.previous else "" if pieces else "anew",
        "worse" if change is not None and change < 0 else "better" if change else "",
    ]
    return Round(
        number=revision.round,
        principle=title,
        critique=clip(revision.critique),
        revision=text,
        pieces=pieces,
        unusable=revision.unusable,
        scored="" if change is None else decimal(change, sign=True),
        tags=(f"round-{revision.round}", tags[revision.principle_id], *(each for each in came if each)),
    )
