"""The boilerplate grader: which share of an answer is stock sentences, found from the answers themselves.

1. There is no list of phrases. A run of five words is **stock** where it recurs in answers to at least three unrelated
   prompts, and to at least one in a hundred; words taken from the prompt itself do not count.
2. Prompts are **unrelated** where they share less than half of the content words of the shorter one. Related ones make
   one topic, which counts once: what a subject brings with it is no boilerplate.
3. A sentence is stock where at least 70 % of its words stand in stock runs; one shorter than five words is one run.
   The value is the share of the answer's words that stand in stock sentences, 0 to 1.
4. At most 2,000 answers are learnt from, those with the lowest hash, so that memory is bounded; all are graded. Fewer
   than three topics can show nothing: unscored ("too_few_prompts").

How it departs from the paper: it tells of boilerplate in over-trained models (section 4.3) and measures none.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from precepts.engines.base import Engine
from precepts.evals.graders.grader import Answered, Asks
from precepts.evals.graders.words import content_words
from precepts.evidence import Grade
from precepts.identity import fraction_of
from precepts.prompts.formats import Format

_RUN = 5  # words
_TOPICS = 3
_SHARE = 0.01  # of all topics
_COVERED = 0.7  # of a sentence's words
_RELATED = 0.5  # of the content words of the shorter of two prompts
_LEARNT = 2_000  # answers
_READ = 12_000  # characters of an answer
_END = re.compile(r"[.!?。！？]+(?=\s|$)|\n+")


class Boilerplate:
    """Grades by the share of stock sentences."""

    name: ClassVar[str] = "boilerplate"
    version: ClassVar[int] = 1
    asks: ClassVar[Asks] = ""
    wording: ClassVar[tuple[str, ...]] = ()

    def __init__(self, style: Format) -> None:
        self._stock: frozenset[str] = frozenset()
        self._topics: int | None = None

    def read(self, answers: Iterable[Answered]) -> None:
        """Find the stock runs of words in `answers`."""
        keyed = ((fraction_of(f"{each.asked}\n{each.text}"), n, each) for n, each in enumerate(answers))
        kept = [each for _, _, each in heapq.nsmallest(_LEARNT, keyed, key=lambda entry: entry[:2])]
        topics = topics_of([each.asked for each in kept])
        self._topics = len(set(topics))
        least = max(_TOPICS, _SHARE * self._topics)
        seen: defaultdict[str, set[int]] = defaultdict(set)
        for each, topic in zip(kept, topics, strict=True):
            asked = " ".join(_words(each.asked))
            for run in {run for words in sentences(each.text) for run in _runs(words)}:
                if run not in asked:
                    seen[run].add(topic)
        self._stock = frozenset(run for run, where in seen.items() if len(where) >= least)

    def grade(self, answers: Sequence[Answered], engine: Engine | None) -> list[Grade]:
        """Values in [0, 1], by the answers that were read, or else by these."""
        if self._topics is None:
            self.read(answers)
        if (self._topics or 0) < _TOPICS:
            return [Grade(self.name, unscored="too_few_prompts") for _ in answers]
        return [self._grade(each.text) for each in answers]

    def stock_sentences(self, answers: Iterable[Answered]) -> Counter[str]:
        """How often each stock sentence occurs, in lower case and without punctuation."""
        found = (words for each in answers for words in sentences(each.text))
        return Counter(" ".join(words) for words in found if self._is_stock(words))

    def _grade(self, text: str) -> Grade:
        found = [(len(words), self._is_stock(words)) for words in sentences(text)]
        total = sum(length for length, _ in found)
        if not total:
            return Grade(self.name, unscored="no_words")
        return Grade(self.name, value=sum(length for length, stock in found if stock) / total)

    def _is_stock(self, words: Sequence[str]) -> bool:
        covered = [False] * len(words)
        for start, run in enumerate(_runs(words)):
            if run in self._stock:
                covered[start : start + _RUN] = [True] * len(covered[start : start + _RUN])
        return sum(covered) >= _COVERED * len(words)


def topics_of(prompts: Sequence[str]) -> list[int]:
    """A number for each prompt, the same for related ones: each joins the first earlier topic whose first prompt it is
    related to, or begins one. A prompt without content words is a topic by itself."""
    leaders: list[frozenset[str]] = []
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    found = []
    for prompt in prompts:
        words = content_words(prompt)
        shared = Counter(topic for word in words for topic in by_word[word])
        related = [t for t, many in shared.items() if many >= _RELATED * min(len(words), len(leaders[t]))]
        if not related:
            related = [len(leaders)]
            leaders.append(words)
            for word in words:
                by_word[word].append(related[0])
        found.append(min(related))
    return found


def sentences(text: str) -> Iterator[list[str]]:
    """The words of each sentence, in lower case."""
    return (words for piece in _END.split(text[:_READ]) if (words := _words(piece)))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", text.lower().replace("’", "'"))


def _runs(words: Sequence[str]) -> list[str]:
    """The runs of five words of a sentence; a shorter one is one run."""
    return [" ".join(words[n : n + _RUN]) for n in range(max(1, len(words) - _RUN + 1))]
