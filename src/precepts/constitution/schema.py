"""What a constitution is: principles, each with a source and the three requests that the method makes of it.

1. A principle serves both stages: `critique_request` and `revision_request` drive critique and revision (paper
   section 3.1, appendix C.1), `comparison_request` drives AI feedback (section 4.1, appendix C.2). The paper keeps
   two lists of sixteen; here one principle carries all three, so a label can be traced to the norm behind it. Those
   of an imported list may serve one stage alone: `revising` and `judging` are who serves which.
2. A principle names its source: a team that signs a constitution wants to know where each line came from.
3. A constitution may bring the few-shot demonstrations that go with it, as fields or as the paper's raw text.
4. Hashes: `Principle.hash` covers what a model sees of it and its weight; `Constitution.hash` covers its principles
   in order; demonstrations have a hash of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pydantic import Field, field_validator, model_validator

from precepts.demonstrations import (
    ComparisonDemonstration,
    ComparisonItem,
    CritiqueDemonstration,
    comparisons_of,
    reasoned_of,
    round_of,
)
from precepts.identity import content_hash
from precepts.settings import Settings

_Text = Field(min_length=1)


class Source(Settings):
    """Where a principle comes from: a work, the article or section in it, an address to read it at, and the words it
    rests on where it was drawn from them."""

    work: str = _Text
    section: str = ""
    url: str = ""
    quote: str = ""


class Principle(Settings):
    """One principle; `weight` is how often it is drawn relative to the others."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = _Text
    source: Source
    critique_request: str = ""
    revision_request: str = ""
    comparison_request: str = ""
    weight: float = Field(default=1.0, gt=0, le=1e6)
    tags: list[str] = []

    @field_validator("title", "critique_request", "revision_request", "comparison_request")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        if text and not text.strip():
            raise ValueError("this is blank; write what the model should be told")
        return text

    @model_validator(mode="after")
    def _serves(self) -> Self:
        pair = {"critique_request": self.critique_request, "revision_request": self.revision_request}
        missing = [name for name, text in pair.items() if not text]
        if len(missing) == 1:
            raise ValueError(f"a critique goes with a revision, and there is no {missing[0]}; add it")
        if missing and not self.comparison_request:
            raise ValueError("nothing is asked; add critique_request and revision_request, comparison_request, or all")
        return self

    @property
    def hash(self) -> str:
        """The principle's content hash."""
        requests = [self.critique_request, self.revision_request, self.comparison_request]
        return content_hash([self.id, *requests, self.weight])


class Demonstrations(Settings):
    """Few-shot examples in place of the built-in ones: `rounds` and `comparisons` by their fields; `dialogues` (whole
    rounds), `items` and `reasoning` (chains of thought, `{}` for the principle) as the paper published them."""

    rounds: list[CritiqueDemonstration] = []
    dialogues: list[str] = []
    comparisons: list[ComparisonDemonstration] = []
    items: list[ComparisonItem] = []
    reasoning: list[str] = []

    @field_validator("dialogues")
    @classmethod
    def _rounds(cls, texts: list[str]) -> list[str]:
        return _each(texts, round_of)

    @field_validator("reasoning")
    @classmethod
    def _chains(cls, texts: list[str]) -> list[str]:
        return _each(texts, reasoned_of)

    @property
    def critiques(self) -> tuple[CritiqueDemonstration, ...]:
        """All rounds of critique and revision."""
        return (*self.rounds, *map(round_of, self.dialogues))

    @property
    def choices(self) -> tuple[ComparisonDemonstration, ...]:
        """All comparisons."""
        found = [*self.comparisons]
        for item in self.items:
            found += comparisons_of(item, len(found))
        return tuple(found)

    @property
    def chains(self) -> tuple[ComparisonDemonstration, ...]:
        """The comparisons that come with reasons."""
        return (*(each for each in self.comparisons if each.reasoning), *map(reasoned_of, self.reasoning))

    @property
    def hash(self) -> str | None:
        """Their content hash; None where there are none."""
        data = self.model_dump(mode="json")
        return content_hash(data) if any(data.values()) else None


def _each(texts: list[str], read: Callable[[str], object]) -> list[str]:
    for index, text in enumerate(texts):
        try:
            read(text)
        except ValueError as error:
            raise ValueError(f"[{index}]: {error}") from None
    return texts


class Constitution(Settings):
    """A named, versioned set of principles."""

    name: str = _Text
    version: str = _Text
    licence: str = ""
    description: str = ""
    principles: list[Principle] = Field(min_length=1)
    demonstrations: Demonstrations = Demonstrations()

    @field_validator("principles")
    @classmethod
    def _ids_differ(cls, principles: list[Principle]) -> list[Principle]:
        ids = [principle.id for principle in principles]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            places = ", ".join(f"[{index}]" for index, name in enumerate(ids) if name == twice[0])
            raise ValueError(f"the principles {places} have the same id '{twice[0]}'; give each its own")
        return principles

    @property
    def hash(self) -> str:
        """The constitution's content hash."""
        return content_hash([principle.hash for principle in self.principles])

    @property
    def revising(self) -> list[Principle]:
        """The principles that critiques and revisions are drawn from."""
        return [principle for principle in self.principles if principle.critique_request]

    @property
    def judging(self) -> list[Principle]:
        """The principles that comparisons are drawn from."""
        return [principle for principle in self.principles if principle.comparison_request]

    def principle(self, principle_id: str) -> Principle:
        """The principle with this id. Raises KeyError where there is none."""
        return next((p for p in self.principles if p.id == principle_id), None) or _missing(principle_id)


def _missing(principle_id: str) -> Principle:
    raise KeyError(principle_id)
