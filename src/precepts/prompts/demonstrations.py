"""The few-shot demonstrations that ship: worked examples in the identical format as the real item that follows them.

1. Critique and revision (paper section 3.1): whole rounds, some of which show an answer that was already fine and
   stays as it is, so that the model does not learn that every answer is wrong.
2. Comparisons (paper section 4.1): each is shown under a principle of its own, drawn anew for every label.
How they depart from the paper: newly written. A constitution that brings its own demonstrations is shown with those.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from pydantic import Field

from precepts.demonstrations import ComparisonDemonstration, CritiqueDemonstration
from precepts.settings import Document, Settings, parse, parse_yaml

CRITIQUE_REVISION = "demonstrations/critique_revision.yaml"
COMPARISON = "demonstrations/comparison.yaml"


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
