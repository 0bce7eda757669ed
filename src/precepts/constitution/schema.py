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

import re
from collections.abc import Callable
from typing import Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

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

_ID = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_SAYS: Any = {"pattern": r"\S"}  # in JSON Schema: not blank
_MAY_SAY: Any = {"pattern": r"^$|\S"}
_PAIR = ("critique_request", "revision_request")


def _text(description: str) -> Any:
    return Field(min_length=1, description=description)


def _request(description: str) -> Any:
    return Field(default="", description=description, json_schema_extra=_MAY_SAY)


class Source(Settings):
    """Where a principle comes from: a work, the article or section in it, an address to read it at, and the words it
    rests on where it was drawn from them."""

    work: str = _text("The work that the principle comes from.")
    section: str = Field(default="", description="The article, section or lines in it.")
    url: str = Field(default="", description="An address to read it at.")
    quote: str = Field(default="", description="The words that the principle rests on.")


class Principle(Settings):
    """One principle: a pair of requests for critique and revision, a request for comparison, or all three."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [*_PAIR], "properties": dict.fromkeys(_PAIR, _SAYS)},
                {
                    "required": ["comparison_request"],
                    "properties": {"comparison_request": _SAYS, **{name: {"maxLength": 0} for name in _PAIR}},
                },
            ]
        }
    )

    id: str = Field(
        description="What records and reports call it: lower case words with hyphens.",
        json_schema_extra={"pattern": _ID},
    )
    title: str = Field(min_length=1, description="A few words for people.", json_schema_extra=_SAYS)
    source: Source = Field(description="Where the principle comes from.")
    critique_request: str = _request("Stage 1: asks what is wrong with the last response. Goes with revision_request.")
    revision_request: str = _request("Stage 1: asks to write the last response again. Goes with critique_request.")
    comparison_request: str = _request("Stage 2: asks which of two responses fits better.")
    weight: float = Field(default=1.0, gt=0, le=1e6, description="How often it is drawn, relative to the others.")
    tags: list[str] = Field(default=[], description="Words of your own, to find and count principles by.")

    @field_validator("id")
    @classmethod
    def _named(cls, text: str) -> str:
        if not re.fullmatch(_ID, text):
            words = "use small letters a to z and digits, with single hyphens between words, as in 'be-kind'"
            raise ValueError(f"{text!r:.60} cannot be an id; {words}")
        return text

    @field_validator("title", "critique_request", "revision_request", "comparison_request")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        if text and not text.strip():
            raise ValueError("this is blank; write what the model should be told")
        return text

    @model_validator(mode="after")
    def _serves(self) -> Self:
        missing = [name for name in _PAIR if not getattr(self, name)]
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

    rounds: list[CritiqueDemonstration] = Field(default=[], description="Rounds of critique and revision.")
    dialogues: list[str] = Field(default=[], description="Such rounds as whole dialogues, as the paper has them.")
    comparisons: list[ComparisonDemonstration] = Field(default=[], description="Comparisons with their answers.")
    items: list[ComparisonItem] = Field(default=[], description="Better and worse responses, as the paper has them.")
    reasoning: list[str] = Field(default=[], description="Chains of thought as the paper has them, {} the principle.")

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
    def comparisons_and_chains(self) -> tuple[ComparisonDemonstration, ...]:
        """All comparisons, those of the chains too, each once."""
        return (*self.choices, *(each for each in self.chains if each not in self.comparisons))

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

    name: str = _text("What it is called.")
    version: str = _text("Raised with every change.")
    licence: str = Field(default="", description="What others may do with it.")
    description: str = Field(default="", description="What it is for, in a sentence.")
    principles: list[Principle] = Field(min_length=1, description="The principles; no two have the same id.")
    demonstrations: Demonstrations = Field(
        default=Demonstrations(), description="Few-shot examples in place of the built-in ones."
    )

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
