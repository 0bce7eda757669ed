"""The text behind the numbers: before and after, and labelled pairs (critiques and revisions: `rounds`).

1. What is shown is chosen by the hash of its prompt, in turn over the kinds of harm or help, never by how it came
   out. What is not shown is counted.
2. Model output is never trusted: it goes to the page as plain text, which the template escapes. Long texts are cut
   with a count of what was left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import TypeVar

from precepts.evals.labels import UNDECIDED
from precepts.evidence import Evaluation, first_answers
from precepts.identity import content_hash
from precepts.odds import Rules, probability
from precepts.records import AIPreference, Messages, Reading
from precepts.report.filters import Tags, answer_tags, principle_tags
from precepts.report.gather import MODELS
from precepts.report.numbers import decimal
from precepts.runs.folder import Run

LIMIT = 1200  # characters of one text
SHOWN = {"red_team": 60, "safe_sounding": 30, "helpful": 30}
LABELLED = 40
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
    tags: Tags


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
    tags: Tags


@dataclass(frozen=True)
class BeforeAfter:
    """A held-out red-team prompt and the three models' answers; None where a model has none."""

    prompt: str
    start: str | None
    sl: str | None
    rl: str | None


def before_after(run: Run, count: int = 3) -> list[BeforeAfter]:
    """`count` held-out red-team prompts with their answers, chosen by hash, those that all models answered first."""
    answers = {model: first_answers(run.read("evaluate", Evaluation, f"answers-{model}")) for model in MODELS}
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


def side_by_side(evaluated: Mapping[str, Iterable[Evaluation]], shown: Mapping[str, int] = SHOWN) -> list[SideBySide]:
    """Some prompts, `shown` of each kind, with every model's first answer; `evaluated` are all their answers, by
    name."""
    by_prompt: dict[str, dict[str, Evaluation]] = defaultdict(dict)
    for model, rows in evaluated.items():
        for prompt, row in first_answers(rows).items():
            by_prompt[prompt][model] = row
    prompts = [next(iter(answers.values())) for answers in by_prompt.values()]
    chosen = [row for kind, count in shown.items() for row in _spread((p for p in prompts if p.kind == kind), count)]
    return [_side_by_side(by_prompt[row.prompt_id]) for row in chosen]


def _side_by_side(answers: Mapping[str, Evaluation]) -> SideBySide:
    one, rows = next(iter(answers.values())), tuple(map(_answer, answers.values()))
    return SideBySide(one.kind, one.category, asked(one.messages), rows, answer_tags(answers))


def _answer(row: Evaluation) -> Answer:
    score = "" if row.score is None else decimal(row.score, sign=True)
    reason = clip(row.reason if row.verdict else row.unscored or row.reason)
    return Answer(row.model, row.verdict or "unscored", reason.text, clip(row.text), score)


def lowest(ids: Iterable[str], count: int) -> list[str]:
    """The `count` ids with the lowest hash: a choice that does not look at what they name."""
    return nsmallest(count, ids, key=lambda each: content_hash(["report", each]))


def labelled(run: Run, titles: Mapping[str, str]) -> tuple[list[Labelled], dict[str, str]]:
    """Some labelled pairs, and the titles of their principles by tag; `titles` names principles by their id."""
    labels = nsmallest(LABELLED, run.read("label", AIPreference), key=lambda each: content_hash(["report", each.id]))
    tags = principle_tags(name for label in labels for name in label.principles)
    return [_labelled(each, titles, tags) for each in labels], {tag: titles.get(n, n) for n, tag in tags.items()}


def _labelled(label: AIPreference, titles: Mapping[str, str], tags: Mapping[str, str]) -> Labelled:
    return Labelled(
        asked=asked(label.messages),
        principle="; ".join(titles.get(each, each) for each in label.principles),
        first=clip(label.first),
        second=clip(label.second),
        p_first="unscored" if label.p_first is None else decimal(label.p_first),
        reason=label.unscored or "",
        askings=tuple(_asking(reading, titles) for reading in label.readings),
        tags=(*(tags[name] for name in label.principles), _said(label)),
    )


def _said(label: AIPreference) -> str:
    if label.p_first is None:
        return "unscored"
    if abs(label.p_first - 0.5) < UNDECIDED:
        return "undecided"
    return "first" if label.p_first > 0.5 else "second"


def _asking(reading: Reading, titles: Mapping[str, str]) -> Asking:
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
