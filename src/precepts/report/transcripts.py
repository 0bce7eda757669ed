"""The text behind the numbers: before and after, critiques and revisions, labelled pairs.

1. What is shown is chosen by the hash of its prompt, in turn over the kinds of harm or help, never by how it came
   out. What is not shown is counted.
2. Model output is never trusted: it goes to the page as plain text, which the template escapes. Long texts are cut
   with a count of what was left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import TypeVar

from precepts.evals.board import KINDS
from precepts.evidence import Evaluation
from precepts.identity import content_hash
from precepts.odds import Rules, probability
from precepts.records import AIPreference, Messages, Reading, Revision
from precepts.report.gather import MODELS, Gathered
from precepts.report.numbers import decimal
from precepts.runs.folder import Run

LIMIT = 1200  # characters of one text
SHOWN = {"red_team": 12, "safe_sounding": 6, "helpful": 6}
REVISED, LABELLED = 10, 8
T = TypeVar("T")


@dataclass(frozen=True)
class Clip:
    """A text cut to LIMIT characters, and how many were left out."""

    text: str
    left_out: int


@dataclass(frozen=True)
class Asked:
    """A conversation: its last turn, and the turns before it as one text (None where there are none)."""

    last: Clip
    earlier: Clip | None


@dataclass(frozen=True)
class Answer:
    """One model's answer with its verdict ("unscored" without one), the grader's reason and the score."""

    model: str
    verdict: str
    reason: str
    text: Clip
    score: str


@dataclass(frozen=True)
class SideBySide:
    """A held-out prompt with the models' answers, in the order of the models."""

    kind: str
    category: str
    asked: Asked
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Round:
    """One round of critique and revision; `unusable` is the reason where it has one."""

    number: int
    principle: str
    critique: Clip
    revision: Clip
    unusable: str | None


@dataclass(frozen=True)
class Revised:
    """A red-team prompt, the start model's response and the rounds on it."""

    asked: Asked
    response: Clip
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class Asking:
    """One question of a label: under which principle, where the first response stood ("A", "B", or "" where there are
    no places), the raw log-probabilities, the probability of the first response or why there is none, the reasons."""

    principle: str
    first_is: str
    logprobs: str
    p_first: str
    reasoning: Clip


@dataclass(frozen=True)
class Labelled:
    """A labelled pair; `p_first` is a figure, or "unscored" with `reason`."""

    asked: Asked
    principle: str
    first: Clip
    second: Clip
    p_first: str
    reason: str
    askings: tuple[Asking, ...]


@dataclass(frozen=True)
class BeforeAfter:
    """A held-out red-team prompt and the three models' answers; None where a model has none."""

    prompt: str
    start: str | None
    sl: str | None
    rl: str | None


def before_after(run: Run, count: int = 3) -> list[BeforeAfter]:
    """`count` held-out red-team prompts with their answers, chosen by hash, those that all models answered first."""
    answers = {
        model: {e.prompt_id: e for e in run.read("evaluate", Evaluation, f"answers-{model}")} for model in MODELS
    }
    prompts = {e.prompt_id: e for rows in answers.values() for e in rows.values() if e.kind == "red_team"}
    complete = [e for e in prompts.values() if all(_answered(rows.get(e.prompt_id)) for rows in answers.values())]
    rest = [e for e in prompts.values() if e not in complete]
    chosen = [*_spread(complete, count), *_spread(rest, count)][:count]
    return [
        BeforeAfter(
            e.messages[-1].content if e.messages else "",
            **{model: rows[e.prompt_id].text if e.prompt_id in rows else None for model, rows in answers.items()},
        )
        for e in chosen
    ]


def _answered(evaluation: Evaluation | None) -> bool:
    return evaluation is not None and evaluation.verdict is not None


def _spread(rows: Iterable[Evaluation], count: int) -> list[Evaluation]:
    """`count` rows by hash, in turn over the categories."""
    taken: Counter[str] = Counter()
    turns: list[tuple[int, int, Evaluation]] = []
    for row in sorted(rows, key=lambda e: content_hash(["report", e.prompt_id])):
        turns.append((taken[row.category], len(turns), row))
        taken[row.category] += 1
    return [row for _, _, row in sorted(turns, key=lambda turn: turn[:2])[:count]]


def side_by_side(found: Gathered) -> list[SideBySide]:
    """Some held-out prompts of each kind with every model's answer."""
    by_prompt: dict[str, dict[str, Evaluation]] = defaultdict(dict)
    for model, rows in found.answers.items():
        for row in rows:
            by_prompt[row.prompt_id][model] = row
    prompts = [next(iter(answers.values())) for answers in by_prompt.values()]
    chosen = [row for kind in KINDS for row in _spread((p for p in prompts if p.kind == kind), SHOWN[kind])]
    return [
        SideBySide(row.kind, row.category, asked(row.messages), tuple(map(_answer, by_prompt[row.prompt_id].values())))
        for row in chosen
    ]


def _answer(row: Evaluation) -> Answer:
    score = "" if row.score is None else decimal(row.score, sign=True)
    reason = clip(row.reason if row.verdict else row.unscored or row.reason)
    return Answer(row.model, row.verdict or "unscored", reason.text, clip(row.text), score)


def revised(run: Run, titles: dict[str, str]) -> list[Revised]:
    """Some responses with all their rounds; `titles` names principles by their id."""
    ids = (r.response_id for r in run.read("revise", Revision) if r.round == 1)
    chosen: dict[str, list[Revision]] = {each: [] for each in _lowest(ids, REVISED)}
    for revision in run.read("revise", Revision):
        if revision.response_id in chosen:
            chosen[revision.response_id].append(revision)
    return [_revised(rounds, titles) for rounds in chosen.values() if rounds]


def _lowest(ids: Iterable[str], count: int) -> list[str]:
    return nsmallest(count, ids, key=lambda each: content_hash(["report", each]))


def _revised(rounds: Sequence[Revision], titles: dict[str, str]) -> Revised:
    return Revised(
        asked(rounds[0].messages),
        clip(rounds[0].previous),
        tuple(
            Round(r.round, titles.get(r.principle_id, r.principle_id), clip(r.critique), clip(r.text), r.unusable)
            for r in sorted(rounds, key=lambda r: r.round)
        ),
    )


def labelled(run: Run, titles: dict[str, str]) -> list[Labelled]:
    """Some labelled pairs; `titles` names principles by their id."""
    labels = nsmallest(LABELLED, run.read("label", AIPreference), key=lambda each: content_hash(["report", each.id]))
    return [_labelled(label, titles) for label in labels]


def _labelled(label: AIPreference, titles: dict[str, str]) -> Labelled:
    return Labelled(
        asked=asked(label.messages),
        principle="; ".join(titles.get(each, each) for each in label.principles),
        first=clip(label.first),
        second=clip(label.second),
        p_first="unscored" if label.p_first is None else decimal(label.p_first),
        reason=label.unscored or "",
        askings=tuple(_asking(reading, titles) for reading in label.readings),
    )


def _asking(reading: Reading, titles: dict[str, str]) -> Asking:
    scored = reading.log_odds is not None
    p = decimal(probability(reading, Rules())) if scored else f"unscored ({reading.unscored})"
    return Asking(
        titles.get(reading.principle_id, reading.principle_id),
        {"first": "A", "swapped": "B"}.get(reading.order, ""),
        ", ".join(decimal(each) for each in reading.logprobs or ()),
        p,
        clip(reading.reasoning),
    )


def asked(messages: Messages) -> Asked:
    """A conversation for the page."""
    if not messages:
        return Asked(Clip("", 0), None)
    earlier = "\n\n".join(f"{message.role}: {message.content}" for message in messages[:-1])
    return Asked(clip(messages[-1].content), clip(earlier) if earlier else None)


def clip(text: str, limit: int = LIMIT) -> Clip:
    """`text` cut to `limit` characters."""
    return Clip(text[:limit], max(0, len(text) - limit))
