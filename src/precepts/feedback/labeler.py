"""What a labeler is: it reads off an engine how likely one response is better than another under one principle.

1. A `Question` is one comparison, in one order, under one principle. A labeler answers it with log-odds that the
   question's first response is the better one, or with a reason why there are none; it never guesses.
2. All the rest is the same for every labeler and done around it (`label.py`): drawing principles, asking both orders,
   averaging, correcting for a liking of one place, abstaining.
3. A labeler is a class with the attributes of `Labeler`. Precepts' own and those of other packages (entry points of
   the group `precepts.labelers`: name = class) are found the same way and made the same way.
4. A labeler that is `Teachable` says what a model should have answered, so that a small model can be taught to (the
   warm-up, `lessons.py`).
5. `log_odds` are natural logarithms: 0 is even, log 3 is three to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from precepts.constitution import Principle
from precepts.demonstrations import ComparisonDemonstration
from precepts.engines.base import Engine
from precepts.plugins import Plugins
from precepts.prompts.formats import Format, Rendered
from precepts.records import Comparison
from precepts.settings import Settings

Shots = Sequence[ComparisonDemonstration]
Shows = Literal["nothing", "comparisons", "reasoned"]
BUILTIN = {
    "multiple_choice": "precepts.feedback.multiple_choice:MultipleChoice",
    "chain_of_thought": "precepts.feedback.chain_of_thought:ChainOfThought",
    "contrastive": "precepts.feedback.contrastive:Contrastive",
    "rubric": "precepts.feedback.rubric:Rubric",
    "verdict": "precepts.feedback.verdict:Verdict",
}
LABELERS = Plugins("labeler", "precepts.labelers", BUILTIN)


@dataclass(frozen=True, slots=True)
class Question:
    """A comparison as it is asked, its first response standing first; `shots` are the few-shot examples' principles."""

    comparison: Comparison
    principle: Principle
    shots: tuple[Principle, ...]
    seed: int

    @property
    def responses(self) -> tuple[str, str]:
        """Both responses, the first that stands first."""
        return self.comparison.first, self.comparison.second


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `log_odds` that the question's first response is better; None exactly where `unscored` says why.

    `logprobs` are the raw ones in the labeler's own order, `reasoning` what the model wrote on its way."""

    sent: str
    log_odds: float | None
    logprobs: tuple[float, ...] | None = None
    reasoning: str = ""
    unscored: str | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something a model is to say after a prompt: a chat's next turn, or the raw text that goes on (without the space
    before it)."""

    prompt: Rendered
    answer: str


class Labeler(Protocol):
    """The contract. `ordered`: whether an answer can depend on which response stands first, so that both orders are
    worth asking. `wording`: the files of the prompts room whose words it sends. `shows`: the few-shot examples it
    takes, none, comparisons, or those that come with reasons. `Options`: its own settings. `version` is part of every
    fingerprint: raise it when answers change."""

    name: ClassVar[str]
    version: ClassVar[int]
    ordered: ClassVar[bool]
    wording: ClassVar[tuple[str, ...]]
    shows: ClassVar[Shows]
    Options: ClassVar[type[Settings]]

    def __init__(self, style: Format, examples: Shots, options: Settings) -> None: ...

    def ask(self, engine: Engine, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question, in order."""
        ...


@runtime_checkable
class Teachable(Protocol):
    """A labeler whose question can be taught to a model (the warm-up)."""

    def lessons(self, question: Question) -> list[Lesson]:
        """What a model is to say where `question.comparison.human` names the better response."""
        ...


class NoOptions(Settings):
    """For a labeler that has no settings of its own."""


def labeler_names() -> list[str]:
    """The names of all labelers at hand."""
    return LABELERS.names()


def find_labeler(name: str) -> type[Labeler]:
    """The labeler of this name. Raises ValueError as `Plugins.find` does."""
    found: type[Labeler] = LABELERS.find(name)
    return found
