"""The length grader: how many words an answer has, as white space parts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from precepts.engines.base import Engine
from precepts.evals.graders.grader import Answered, Asks
from precepts.evidence import Grade
from precepts.prompts.formats import Format


class Length:
    """Grades by the number of words."""

    name: ClassVar[str] = "length"
    version: ClassVar[int] = 1
    asks: ClassVar[Asks] = ""
    wording: ClassVar[tuple[str, ...]] = ()

    def __init__(self, style: Format) -> None:
        pass

    def grade(self, answers: Sequence[Answered], engine: Engine | None) -> list[Grade]:
        """Values: words."""
        return [Grade(self.name, value=float(len(each.text.split()))) for each in answers]
