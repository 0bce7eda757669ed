"""Prose constitutions: walk the sections, find the sentences that state a norm, and say where each stands.

1. A document in Markdown is walked line by line: headings give the path of a section; a paragraph or a list item is a
   passage with its first and last line.
2. A sentence states a norm where the assistant is told what to do or not: it `should`, `must`; `we want it to`; or an
   imperative that begins with `Never`, `Avoid` and the like. The assistant's name is the word that most often stands
   before such verbs. An item of a list does so where the sentence that opens the list does. Sentences that only
   describe, explain, foretell or ask, or tell others what to do, give no principle, and nothing is invented for them.
3. The norm is quoted, word for word, in the principle made of it, with its lines: a reader can check each. All three
   requests quote it, and an engine may word the comparison request (`feedback/drafting.py`); either way it is a draft
   that a person edits.
How it departs from the paper: the paper's principles were written as sentences to begin with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from precepts.constitution.published import slug
from precepts.constitution.schema import Constitution, Principle, Source

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_SENTENCE = re.compile(r"(?<=[.!?])[\"”’)*_]*\s+(?=[\"“‘(*_]*[A-Z])")
_VERB = (
    r"(?:should(?:n[’']t)?|must(?:n[’']t)?|ought to|shall|needs? to|has to|have to|"
    r"is (?:not )?(?:required|expected) to)"
)
_TOLD = r"\b(?:we|I)\b[^.;:]{0,25}?\b(?:want|ask|expect|encourage|would like|need)\s+"
_IMPERATIVE = re.compile(r"^(?:never|always|avoid|refrain from|do not|don[’']t|make sure|be \w+)\b", re.IGNORECASE)
_NAMES = ("assistant", "AI", "AIs", "model", "models", "system", "chatbot", "it", "they", "you")
_BEFORE = re.compile(rf"\b([A-Z][a-z]+|assistant|model|AI)\s+(?:generally |also |always )?{_VERB}\b")
_ABOUT_THE_TEXT = re.compile(
    r"\b(this (document|constitution|section|list|page)|the (preface|acknowledg)|see (our|the)|below|above)\b|"
    r"\bwe (?:\w+ )?(discuss|explain|describe|give examples)\b|^(the order|to put this|when we say)\b",
    re.IGNORECASE,
)
_FORETOLD = re.compile(
    r"\b(because|since|then) we (?:don[’']t )?(expect|want)\b|\b(may|might|will|would) never\b|\bneeds? to know\b",
    re.IGNORECASE,
)  # reasons, forecasts, and what is told to somebody else
_MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}")
_STOP = frozenset(
    """a an and are as at be by for from in is it its of on or that the this to was were will with we
    our""".split()  # noqa: SIM905
)
MOST_WORDS = 60  # of a norm: a longer sentence says too much to be asked about at once


@dataclass(frozen=True)
class Passage:
    """A paragraph or list item: its section's path of headings, its first and last line (from 1), its text."""

    section: str
    first: int
    last: int
    text: str
    item: bool = False


@dataclass(frozen=True)
class Norm:
    """A sentence that states a norm, the passage it stands in, and for an item of a list what opens the list."""

    passage: Passage
    sentence: str
    lead: Passage | None = None

    @property
    def place(self) -> str:
        """Its section and lines, as a source's `section` has them."""
        lines = _lines(self.passage)
        if self.lead:
            lines = f"{_lines(self.lead)} and {lines}"
        return f"{self.passage.section}, {lines}" if self.passage.section else lines

    @property
    def whole(self) -> str:
        """The norm as it reads alone."""
        return f"{self.lead.text} {self.sentence}" if self.lead else self.sentence


def _lines(passage: Passage) -> str:
    one = passage.first == passage.last
    return f"line {passage.first}" if one else f"lines {passage.first}-{passage.last}"


def passages(text: str) -> Iterator[Passage]:
    """The paragraphs and list items of a Markdown text, in order; code blocks and rules are left out."""
    path: list[tuple[int, str]] = []
    block: list[tuple[int, str]] = []
    item = fenced = False
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        fence, heading = line.lstrip().startswith("```"), _HEADING.match(line)
        ends = not line.strip() or fence or heading or _ITEM.match(line) or set(line.strip()) <= set("-*_= ")
        if ends and block:
            yield _passage(path, block, item)
            block = []
        fenced ^= fence
        if heading and not fenced:
            depth = len(heading[1])
            path = [each for each in path if each[0] < depth] + [(depth, plain(heading[2]))]
        elif not fenced and not fence and line.strip() and not set(line.strip()) <= set("-*_= "):
            item = bool(_ITEM.match(line)) if not block else item
            block.append((number, _ITEM.sub("", line).strip()))


def norms(text: str, agent: str | None = None) -> list[Norm]:
    """The sentences that state a norm for the assistant, in order, each once. `agent` is its name in the text."""
    told = Told(agent or likely_agent(text))
    found: dict[str, Norm] = {}
    lead: Passage | None = None
    for passage in passages(text):
        if passage.item and lead and lead.section == passage.section:
            if _fits(passage.text):
                found.setdefault(passage.text.lower(), Norm(passage, passage.text, lead))
            continue
        lead = passage if passage.text.endswith(":") and told(_SENTENCE.split(passage.text)[-1]) else None
        for sentence in _SENTENCE.split(passage.text):
            said = sentence.strip()
            if told(said) and _fits(said) and not said.endswith(":"):
                found.setdefault(said.lower(), Norm(passage, said))
    return list(found.values())


def likely_agent(text: str) -> str:
    """The name that most often stands before `should`, `must` and the like ("assistant" where there is none)."""
    counts = Counter(_BEFORE.findall(text))
    for word in ("We", "They", "It", "This", "That", "You", "There", "These", "Those", "Users", "Operators"):
        counts.pop(word, None)
    return counts.most_common(1)[0][0] if counts else "assistant"


class Told:
    """Whether a sentence tells the assistant of this name what to do."""

    def __init__(self, agent: str) -> None:
        names = "|".join(map(re.escape, sorted({agent, *_NAMES})))
        who = rf"\b(?:{names})\b(?:[’']s \w+)?"
        self._named = re.compile(
            rf"{who}[^.;:]{{0,40}}?\b(?:{_VERB}|never)\b|{_TOLD}(?:[\w’'-]+ ){{0,3}}?(?:{names})\b.{{0,80}}?\bto\b",
            re.IGNORECASE,
        )

    def __call__(self, sentence: str) -> bool:
        question = sentence.rstrip('"”’)*_ ').endswith("?")
        no_norm = _ABOUT_THE_TEXT.search(sentence) or _FORETOLD.search(sentence)
        return not question and not no_norm and bool(self._named.search(sentence) or _IMPERATIVE.match(sentence))


def _fits(sentence: str) -> bool:
    return 4 <= len(sentence.split()) <= MOST_WORDS


def spread(found: Sequence[Norm], count: int | None) -> list[Norm]:
    """`count` of the norms, taken from the sections in turns, in the order of the document; all where it is None."""
    if count is None or count >= len(found):
        return list(found)
    by_section: dict[str, list[int]] = {}
    for index, norm in enumerate(found):
        by_section.setdefault(norm.passage.section, []).append(index)
    turns = sorted((place, index) for indices in by_section.values() for place, index in enumerate(indices))
    return [found[index] for index in sorted(index for _, index in turns[:count])]


def draft(found: Sequence[Norm], work: Source, name: str) -> Constitution:
    """A constitution of these norms, every request derived. Raises ValueError where there is none."""
    if not found:
        raise ValueError("no sentence of it states a norm ('should', 'must', 'never', 'we want .. to')")
    return Constitution(
        name=name,
        version="0.1",
        description="A draft, made from prose: read each principle beside the lines it quotes; mend it or take it out.",
        principles=[drafted(norm, work, number) for number, norm in enumerate(found, start=1)],
    )


def drafted(norm: Norm, work: Source, number: int) -> Principle:
    """The principle of one norm."""
    where = work.model_copy(update={"section": norm.place, "quote": norm.sentence})
    section = slug(norm.passage.section.rpartition(" > ")[2])[:40].strip("-")
    return Principle(
        id=f"{section}-{number}",
        title=" ".join(norm.sentence.split()[:8]).rstrip(".,;:"),
        source=where,
        critique_request=f"The assistant is to follow this norm: “{norm.whole}” Point out everything in its last "
        "response that goes against the norm, and say why.",
        revision_request=f"The assistant is to follow this norm: “{norm.whole}” Rewrite its last response so that it "
        "does.",
        comparison_request=f"Choose the response that better follows this norm: “{norm.whole}”",
        tags=["derived", "draft"],
    )


def stands_in(quote: str, lines: Sequence[str]) -> bool:
    """Whether these lines hold the quote, up to markup and white space."""
    return _normal(quote) in _normal(" ".join(_ITEM.sub("", line) for line in lines))


def content_words(text: str) -> set[str]:
    """The words of a text that carry its meaning, lower case."""
    return {word for word in re.findall(r"[a-z][a-z'’]+", text.lower()) if word not in _STOP}


def plain(text: str) -> str:
    """Markdown as plain words: links without their addresses, no emphasis."""
    return " ".join(_MARKUP.sub(lambda found: found[1] or "", text).split())


def _passage(path: Sequence[tuple[int, str]], block: Sequence[tuple[int, str]], item: bool) -> Passage:
    section = " > ".join(title for _, title in path)
    return Passage(section, block[0][0], block[-1][0], plain(" ".join(line for _, line in block)), item)


def _normal(text: str) -> str:
    return plain(text).lower()
