"""Prose constitutions: find the sentences that state a norm, say where each stands, and draft principles of them.

1. `passages.py` walks the document; `told.py` says which sentences tell the assistant what to do. Sentences that only
   describe, explain, foretell, ask or report, or tell others what to do, give no principle; nothing is invented.
2. An item of a list goes on with the sentence that opens the list, and says nothing without it: where the opener states
   no norm, its items give none. A list that nothing opens, or a plain "Our rules:", has items that stand alone.
3. The norm is quoted, word for word, with its opener, in the principle made of it, and its lines are cited: a reader
   can check each. All three requests quote it, and an engine may word the comparison request (`feedback/drafting.py`);
   either way it is a draft that a person edits.
4. A norm of more than `MOST_WORDS` words says too much to be asked about at once: it is named, not drafted.
How it departs from the paper: the paper's principles were written as sentences to begin with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from precepts.constitution.negation import negations
from precepts.constitution.passages import SENTENCE, Passage, passages
from precepts.constitution.published import slug
from precepts.constitution.schema import Constitution, Principle, Source
from precepts.constitution.told import Told, heads_a_list, likely_agent

MOST_WORDS = 60
_FEWEST_WORDS = 4
_TITLE_WORDS = 12
_STOP = frozenset(
    """a an and are as at be been by for from in is it its of on or that the this to was were will with we
    our""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Norm:
    """A sentence that states a norm, the passage it stands in, and for an item of a list the passages that open it."""

    passage: Passage
    sentence: str
    leads: tuple[Passage, ...] = ()

    @property
    def place(self) -> str:
        """Its section and lines, as a source's `section` has them."""
        lines = " and ".join(each.lines for each in (*self.leads, self.passage))
        return f"{self.passage.section}, {lines}" if self.passage.section else lines

    @property
    def whole(self) -> str:
        """The norm as it reads alone, in the document's words: what opens it, and what it says."""
        return " ".join([*(each.last_sentence for each in self.leads), self.sentence])

    @property
    def fits(self) -> bool:
        """Whether it is short enough to be asked about."""
        return len(self.whole.split()) <= MOST_WORDS


def norms(text: str, agent: str | None = None) -> list[Norm]:
    """The norms that the text states for the assistant, in order, each once, those that are too long (not `fits`) among
    them. `agent` is the assistant's name in the text."""
    found: dict[str, Norm] = {}
    for norm in _stated(text, Told(agent or likely_agent(text))):
        found.setdefault(norm.whole.lower(), norm)
    return list(found.values())


@dataclass(frozen=True)
class _Opener:
    """What the items indented by `indent` or more go on with: `leads`, nothing, or (None) what states no norm."""

    indent: int
    leads: tuple[Passage, ...] | None


def _stated(text: str, told: Told) -> Iterator[Norm]:
    above: list[_Opener] = [_Opener(0, ())]
    section = ""
    for passage in passages(text):
        if passage.section != section:
            section, above = passage.section, [_Opener(0, ())]
        if not passage.item:
            if len(above) > 1 and passage.indent >= above[-1].indent > 0:
                continue  # a paragraph that belongs to an item
            above = [_opener(passage, (), told, 0)]
            yield from (Norm(passage, said) for said in _alone(passage, told))
            continue
        while len(above) > 1 and passage.indent < above[-1].indent:
            above.pop()
        leads = above[-1].leads
        above.append(_opener(passage, leads, told, passage.indent + 1))
        if leads and not passage.text.endswith(":") and len(passage.text.split()) > 1:
            yield Norm(passage, passage.text, leads)
        elif leads == ():
            yield from (Norm(passage, said) for said in _alone(passage, told))


def _opener(passage: Passage, leads: tuple[Passage, ...] | None, told: Told, indent: int) -> _Opener:
    """What this passage is to the items under it."""
    said = passage.last_sentence
    if leads is None or (passage.item and not said.endswith(":")):
        return _Opener(indent, None)
    if not said.endswith(":") or heads_a_list(said):
        return _Opener(indent, ())
    goes_on = bool(leads) or told.opens(said)
    return _Opener(indent, (*leads, passage) if goes_on else None)


def _alone(passage: Passage, told: Told) -> Iterator[str]:
    """The sentences of a passage that state a norm by themselves."""
    for sentence in map(str.strip, SENTENCE.split(passage.text)):
        if told(sentence) and not sentence.endswith(":") and len(sentence.split()) >= _FEWEST_WORDS:
            yield sentence


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
    where = work.model_copy(update={"section": norm.place, "quote": norm.whole})
    section = slug(norm.passage.section.rpartition(" > ")[2])[:40].strip("-")
    return Principle(
        id=f"{section}-{number}",
        title=title_of(norm.whole),
        source=where,
        critique_request=f"The assistant is to follow this norm: “{norm.whole}” Point out everything in its last "
        "response that goes against the norm, and say why.",
        revision_request=f"The assistant is to follow this norm: “{norm.whole}” Rewrite its last response so that it "
        "does.",
        comparison_request=f"Choose the response that better follows this norm: “{norm.whole}”",
        tags=["derived", "draft"],
    )


def title_of(norm: str) -> str:
    """The norm's first words; no negation in it is cut off from them."""
    words, negated = norm.split(), negations(norm)
    most = max(_TITLE_WORDS, negated[-1][0] + _TITLE_WORDS // 2 if negated else 0)
    return norm.rstrip(".,;:") if most >= len(words) else f"{' '.join(words[:most]).rstrip('.,;:(')} …"


def content_words(text: str) -> set[str]:
    """The words of a text that carry its meaning, lower case."""
    return {word for word in re.findall(r"[a-z][a-z'’]+", text.lower()) if word not in _STOP}
