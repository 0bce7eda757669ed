"""Few-shot demonstrations: worked examples in the identical format as the real item that follows them.

1. Critique and revision (paper section 3.1): whole rounds, some of which show an answer that was already fine and
   stays as it is, so that the model does not learn that every answer is wrong.
2. Comparisons (paper section 4.1): each is shown under a principle of its own, drawn anew for every label.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

from pydantic import Field

from precepts.prompts.formats import Turn
from precepts.settings import Document, Settings, parse, parse_yaml

CRITIQUE_REVISION = "demonstrations/critique_revision.yaml"
COMPARISON = "demonstrations/comparison.yaml"


class CritiqueDemonstration(Settings):
    """One round of critique and revision; `unchanged` where the revision repeats a response that was fine."""

    prompt: str
    response: str
    critique_request: str
    critique: str
    revision_request: str
    revision: str
    unchanged: bool

    def turns(self) -> list[Turn]:
        """The whole round, as turns."""
        return [
            Turn("human", self.prompt),
            Turn("assistant", self.response),
            Turn("critique_request", self.critique_request),
            Turn("critique", self.critique),
            Turn("revision_request", self.revision_request),
            Turn("revision", self.revision),
        ]


class ComparisonDemonstration(Settings):
    """A comparison with its answer, right under any principle about harmlessness, and the reasons for it, as a
    chain of thought would give them."""

    prompt: str
    first: str
    second: str
    reasoning: str
    answer: Literal["first", "second"]


class _CritiqueFile(Settings):
    items: list[CritiqueDemonstration] = Field(min_length=1)


class _ComparisonFile(Settings):
    items: list[ComparisonDemonstration] = Field(min_length=1)


@cache
def critique_demonstrations() -> tuple[CritiqueDemonstration, ...]:
    """The built-in rounds, in the order they are shown."""
    return tuple(parse(_CritiqueFile, _document(CRITIQUE_REVISION)).items)


@cache
def comparison_demonstrations() -> tuple[ComparisonDemonstration, ...]:
    """The built-in comparisons."""
    return tuple(parse(_ComparisonFile, _document(COMPARISON)).items)


def _document(name: str) -> Document:
    text = resources.files("precepts.prompts").joinpath(*name.split("/")).read_text("utf-8")
    return Document({"items": parse_yaml(text, name).data}, name)
