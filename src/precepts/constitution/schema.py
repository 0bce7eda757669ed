"""What a constitution is: principles, each with a source and the three requests that the method makes of it.

1. A principle serves both stages: `critique_request` and `revision_request` drive critique and revision (paper
   section 3.1, appendix C.1), `comparison_request` drives AI feedback (section 4.1, appendix C.2). The paper keeps
   two lists of sixteen; here one principle carries all three, so a label can be traced to the norm behind it.
2. A principle names its source: a team that signs a constitution wants to know where each line came from.
3. Hashes: `Principle.hash` covers what a model sees of it and its weight; `Constitution.hash` covers its principles
   in order.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from precepts.identity import content_hash
from precepts.settings import Settings

_Text = Field(min_length=1)


class Source(Settings):
    """Where a principle comes from: a work, the article or section in it, and an address to read it at."""

    work: str = _Text
    section: str = ""
    url: str = ""


class Principle(Settings):
    """One principle; `weight` is how often it is drawn relative to the others."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = _Text
    source: Source
    critique_request: str = _Text
    revision_request: str = _Text
    comparison_request: str = _Text
    weight: float = Field(default=1.0, gt=0, le=1e6)
    tags: list[str] = []

    @field_validator("title", "critique_request", "revision_request", "comparison_request")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("this is blank; write what the model should be told")
        return text

    @property
    def hash(self) -> str:
        """The principle's content hash."""
        requests = [self.critique_request, self.revision_request, self.comparison_request]
        return content_hash([self.id, *requests, self.weight])


class Constitution(Settings):
    """A named, versioned set of principles."""

    name: str = _Text
    version: str = _Text
    licence: str = ""
    description: str = ""
    principles: list[Principle] = Field(min_length=1)

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

    def principle(self, principle_id: str) -> Principle:
        """The principle with this id. Raises KeyError where there is none."""
        return next((p for p in self.principles if p.id == principle_id), None) or _missing(principle_id)


def _missing(principle_id: str) -> Principle:
    raise KeyError(principle_id)
