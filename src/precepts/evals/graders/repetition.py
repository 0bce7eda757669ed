"""The repetition grader: which share of an answer says again what it has just said, or is a tail of emoji and links.

1. An answer is cut into units: words, emoji, links, tags. Three kinds of repetition are looked for, and the share of
   units that stand in any of them is the value, 0 to 1; what comes first is no repetition of itself.
2. **Loop**: the same few units (at most 60) over and over, three times or more, as a model that has got stuck writes.
3. **Sentences**: a sentence that an earlier one has already said, in nearly the same words (four fifths of them).
4. **Tail**: an end of emoji, links and tags.
5. The label is the kind with the most units, "none" below a tenth of the answer: a refrain is no collapse.

How it departs from the paper: it tells of boilerplate closers in words (section 4.3) and measures none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from precepts.engines.base import Engine
from precepts.evals.graders.grader import Answered, Asks
from precepts.evidence import Grade
from precepts.prompts.formats import Format

Kind = Literal["loop", "sentences", "tail"]
Marks = npt.NDArray[np.bool_]

_READ = 20_000  # units read, from the end, where collapse shows
_PERIOD = 60  # units of the longest loop
_TIMES = 3  # times the same must come
_LOOP = 6  # units repeated that are too few to call a loop
_SENTENCE = 4  # words of a sentence that can be repeated
_ALIKE = 0.8  # of two sentences' words, shared
_BEFORE = 50  # sentences looked back on
_TAIL = 3  # decorations that make a tail
_DECORATED = 0.6  # share of a tail that is decoration
_LEAST = 0.1  # of an answer, to be named
_UNIT = re.compile(
    r"(?P<link>(?:https?://|www\.)\S+) | (?P<tag>[#@]\w+) | (?P<word>\w+(?:['’-]\w+)*)"
    "|(?P<emoji>[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff])|(?P<end>[.!?。！？]+(?=\\s|$)|\\n+)",
    re.VERBOSE,
)


class Repetition:
    """Grades by the share that is repeated."""

    name: ClassVar[str] = "repetition"
    version: ClassVar[int] = 1
    asks: ClassVar[Asks] = ""
    wording: ClassVar[tuple[str, ...]] = ()

    def __init__(self, style: Format) -> None:
        pass

    def grade(self, answers: Sequence[Answered], engine: Engine | None) -> list[Grade]:
        """Values in [0, 1]; labels loop, sentences, tail or none."""
        return [self._grade(each.text) for each in answers]

    def _grade(self, text: str) -> Grade:
        units, kinds, sentences = cut(text)
        if not units:
            return Grade(self.name, unscored="no_words")
        marks = {"loop": loops(units), "sentences": repeated(units, sentences), "tail": tail(kinds)}
        most = max(marks, key=lambda kind: int(marks[kind].sum()))
        share = float(np.logical_or.reduce(list(marks.values())).mean())
        return Grade(self.name, most if share >= _LEAST else "none", share)


def cut(text: str) -> tuple[list[str], list[str], list[int]]:
    """The last units of a text in lower case, the kind of each, and the number of the sentence each stands in."""
    units, kinds, sentences, number = [], [], [], 0
    for found in _UNIT.finditer(text):
        kind = found.lastgroup or ""
        if kind == "end":
            number += 1
            continue
        units.append(found[0].lower())
        kinds.append(kind)
        sentences.append(number)
    return units[-_READ:], kinds[-_READ:], sentences[-_READ:]


def loops(units: Sequence[str]) -> Marks:
    """Which units repeat what stands one period before them, in runs that make the same come three times or more."""
    ids = np.unique(np.array(units, dtype=object).astype(str), return_inverse=True)[1]
    marks = np.zeros(len(units), dtype=bool)
    for period in range(1, min(_PERIOD, len(units) // _TIMES) + 1):
        for start, stop in _runs(ids[period:] == ids[:-period]):
            if stop - start >= max(_LOOP, (_TIMES - 1) * period):
                marks[start + period : stop + period] = True
    return marks


def _runs(same: Marks) -> Iterator[tuple[int, int]]:
    """(start, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def repeated(units: Sequence[str], sentences: Sequence[int]) -> Marks:
    """Which units stand in a sentence that one of the 50 before it said in nearly the same words."""
    marks = np.zeros(len(units), dtype=bool)
    of_sentence = np.asarray(sentences)
    earlier: list[frozenset[str]] = []
    for start, stop in zip(*_spans(of_sentence), strict=True):
        if stop - start < _SENTENCE:
            continue
        words = frozenset(units[start:stop])
        marks[start:stop] = any(len(words & old) >= _ALIKE * len(words | old) for old in earlier[-_BEFORE:])
        earlier.append(words)
    return marks


def _spans(numbers: npt.NDArray[np.int_]) -> tuple[list[int], list[int]]:
    edges = np.flatnonzero(np.diff(numbers)) + 1
    return [0, *edges.tolist()], [*edges.tolist(), len(numbers)]


def tail(kinds: Sequence[str]) -> Marks:
    """Which units make an end that is three fifths decoration or more, with three decorations at least."""
    marks = np.zeros(len(kinds), dtype=bool)
    from_end = np.array([kind != "word" for kind in kinds], dtype=bool)[::-1]
    many = np.cumsum(from_end)
    fits = from_end & (many >= _TAIL) & (many >= _DECORATED * np.arange(1, len(kinds) + 1))
    if fits.any():
        marks[len(kinds) - 1 - int(np.flatnonzero(fits)[-1]) :] = True
    return marks
