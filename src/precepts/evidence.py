"""What the evidence rests on: a row for each graded answer, each held-out comparison and each judged match.

As in `records.py`: a record is a frozen dataclass, its fields are its columns, and what cannot be used says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from precepts.records import Messages, Reading


@dataclass(frozen=True, slots=True)
class RevisionScore:
    """What a model says of a revision, in nats: how much likelier it makes its prompt (per byte of it), or the log-odds
    that it is fine; None where the model cannot say."""

    id: str
    prompt_id: str
    nats: float | None


@dataclass(frozen=True, slots=True)
class Grade:
    """What one grader says of one answer: a `label`, a `value` or both; neither exactly where `unscored` gives a
    reason. `reason`: why it says so, "" where there is nothing to add."""

    grader: str
    label: str | None = None
    value: float | None = None
    unscored: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A held-out prompt answered by one model, graded and scored; `sample` numbers its answers to one prompt.

    `verdict`: complies, partly, refuses or evades; None where `unscored` gives the reason. `score` is the
    preference model's scalar for the answer (any real number; only differences mean something). `grades` are those of
    the graders that the recipe names.
    """

    prompt_id: str
    kind: str
    category: str
    model: str
    messages: Messages
    text: str
    finish: str
    verdict: str | None
    reason: str
    unscored: str | None
    score: float | None
    tokens_in: int
    tokens_out: int
    grades: tuple[Grade, ...] = ()
    sample: int = 0


def first_answers(answers: Iterable[Evaluation]) -> dict[str, Evaluation]:
    """One model's first answer to each prompt, by its id: what is set beside another model's."""
    return {each.prompt_id: each for each in answers if each.sample == 0}


@dataclass(frozen=True, slots=True)
class LearntRevision:
    """A usable revision as stage sl took it; `left_out` says why it was not learnt (None: it was)."""

    id: str
    prompt_id: str
    left_out: str | None


@dataclass(frozen=True, slots=True)
class ScoredComparison:
    """A held-out comparison with the preference model's scores; `target` is the label's probability of `first`.
    `source`: helpful or harmless (human comparisons), or ai."""

    id: str
    prompt_id: str
    source: str
    first: str
    second: str
    target: float
    score_first: float
    score_second: float


@dataclass(frozen=True, slots=True)
class ScoredRevision:
    """A response (round 0) or its usable revision of that round, with the preference model's score."""

    response_id: str
    prompt_id: str
    round: int
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """Two models' answers to one held-out prompt, set against each other by the judge for one `aim` (harmless or
    helpful). `p_first` in [0, 1], how likely the answer of `first_model` is the better one, is None exactly where
    `unscored` gives a reason; `readings` are what the judge was asked and said, with each principle's hash,
    `constitution_hash` is that of the constitution they were drawn from ("" where nothing was asked, and in older
    runs); the tokens are those of the two answers."""

    id: str
    prompt_id: str
    kind: str
    category: str
    aim: str
    messages: Messages
    first_model: str
    second_model: str
    first: str
    second: str
    judge: str
    labeler: str
    readings: tuple[Reading, ...]
    p_first: float | None
    unscored: str | None
    tokens_in: int
    tokens_out: int
    constitution_hash: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """An answer to a conversation that somebody gave as right: `text` is what a model should find likely."""

    id: str
    prompt_id: str
    category: str
    messages: Messages
    text: str
