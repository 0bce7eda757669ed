"""What a grader is: it reads an answer to a conversation and gives a label, a value, or the reason why there is none.

1. A grader is a class with the attributes of `Grader`. Precepts' own and those of other packages (entry points of the
   group `precepts.graders`: name = class) are found and made the same way.
2. A grader that `asks` needs a model: "start" (the model everything began from) or "judge".
3. A `Corpus` grader judges an answer by what other answers hold; it reads a whole set of them before it grades any.
4. An answer without text is unscored ("empty") for every grader: left out of figures and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from precepts.engines.base import Engine
from precepts.evidence import Grade
from precepts.plugins import Plugins
from precepts.prompts.formats import Format
from precepts.records import Messages

Asks = Literal["", "start", "judge"]
BUILTIN = {
    "refusal": "precepts.evals.graders.refusal:Refusal",
    "evasion": "precepts.evals.graders.evasion:Evasion",
    "boilerplate": "precepts.evals.graders.boilerplate:Boilerplate",
    "repetition": "precepts.evals.graders.repetition:Repetition",
    "fluency": "precepts.evals.graders.fluency:Fluency",
    "length": "precepts.evals.graders.length:Length",
    "harm": "precepts.evals.graders.harm:Harm",
}
GRADERS = Plugins("grader", "precepts.graders", BUILTIN)
CHEAP = ("refusal", "evasion", "boilerplate", "repetition", "length")  # those that ask no model


@dataclass(frozen=True, slots=True)
class Answered:
    """A conversation that ends with the human's turn, and an answer to it."""

    messages: Messages
    text: str

    @property
    def asked(self) -> str:
        """The last thing that was said to the model."""
        return self.messages[-1].content if self.messages else ""


class Grader(Protocol):
    """The contract. `asks`: which model it needs, "" for none. `wording`: the files of the prompts room whose words it
    sends. `version` is part of every fingerprint: raise it when grades change."""

    name: ClassVar[str]
    version: ClassVar[int]
    asks: ClassVar[Asks]
    wording: ClassVar[tuple[str, ...]]

    def __init__(self, style: Format) -> None: ...

    def grade(self, answers: Sequence[Answered], engine: Engine | None) -> list[Grade]:
        """A grade for each answer, in order. `engine` is the model it asks, None for one that asks none."""
        ...


@runtime_checkable
class Corpus(Protocol):
    """A grader that must have read all answers before it grades one."""

    def read(self, answers: Iterable[Answered]) -> None:
        """Learn from the answers that will be graded; replaces what was learnt before."""
        ...


def grader_names() -> list[str]:
    """The names of all graders at hand."""
    return GRADERS.names()


def find_grader(name: str) -> type[Grader]:
    """The grader of this name. Raises ValueError as `Plugins.find` does."""
    found: type[Grader] = GRADERS.find(name)
    return found


class Models:
    """The models that graders ask, by `asks`: each is made when it is first asked, and what is made the same way
    is one."""

    def __init__(self, makers: Mapping[str, Callable[[], Engine]]) -> None:
        self._makers = makers
        self._made: dict[Callable[[], Engine], Engine] = {}

    def __call__(self, asks: str) -> Engine:
        maker = self._makers[asks]
        if maker not in self._made:
            self._made[maker] = maker()
        return self._made[maker]

    def used(self) -> tuple[int, int]:
        """Tokens read and written so far by all of them."""
        usages = [engine.usage for engine in self._made.values()]
        return sum(each.tokens_in for each in usages), sum(each.tokens_out for each in usages)


def grade_all(
    graders: Sequence[Grader], answers: Sequence[Answered], models: Callable[[str], Engine]
) -> list[tuple[Grade, ...]]:
    """The grades of each answer, in the order of `graders`; `models` gives the one that a grader asks."""
    there = [n for n, each in enumerate(answers) if each.text.strip()]
    found: list[list[Grade]] = [[] for _ in answers]
    for grader in graders:
        engine = models(grader.asks) if grader.asks and there else None
        grades = dict(zip(there, grader.grade([answers[n] for n in there], engine), strict=True))
        for n, of_answer in enumerate(found):
            of_answer.append(grades.get(n) or Grade(grader.name, unscored="empty"))
    return [tuple(each) for each in found]
