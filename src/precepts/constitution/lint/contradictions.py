"""The rule about two principles that ask for opposite things.

1. By its words: two comparison requests with a clause of the same words and opposite signs (`signs.py`) ask for
   opposite things: “kinder” and “not kind”, “most harmful” and “harmless”.
2. By meaning, on the `AXES`: two groups of words that no spelling connects, such as brief and detailed. What is asked
   for is told by the words of an axis, turned round by a negation within the same clause.
3. A sentence that says when it holds (if, where, because) is not compared, nor are words that say with whom: such a
   request has said what the mend would ask for. Nor is a very long one (`signs.py`).
How it departs from the paper: see `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from precepts.constitution.lint.evasion import evades
from precepts.constitution.lint.signs import signed, unconditional
from precepts.constitution.lint.words import CLAUSE, Place, capped, requests
from precepts.constitution.schema import Constitution

_IS = r"(?:(?<!what )is|sounds?|seems?|stays?|be|being|more|most|less|least|not) (?:\w+ly )?"
AXES: dict[str, tuple[str, str]] = {
    "length": (
        r"brief|short(?:er|est)?(?! of)|concise|succinct|terse|few words",
        r"(?<!no )long(?:er|est| sentences| answers?| responses?)|detailed|thorough|elaborate|exhaustive|comprehensive|"
        r"at length|as much (?:detail|information)",
    ),
    "refusing": (
        r"(?!)",  # what `evades` finds
        r"compl(?:y|ies|ying) with (?:the (?:human|user|request)|every|any|all|whatever|what)|"
        r"answer\w* (?:every|any|all|whatever)|do(?:es)? (?:everything|whatever|anything)|"
        r"obey\w* (?:the|every|any|all)",
    ),
    "tone": (
        r"(?<!in)formal|businesslike|impersonal|serious (?:tone|style|wording)",
        r"informal|casual|chatty|playful|joking|humorous|slangy?",
    ),
    "warnings": (r"warn\w*|disclaimers?|caveats?|cautions?", r"(?!)"),
    "opinions": (
        r"(?:state|shar|offer|withhold|giv|express|tak|hav|voic)\w* (?:an? |its |the )?(?:\w+ )?"
        r"(?:opinions?|sides?|stance on|view)",
        r"(?:neutral|impartial|even-?handed|non-?partisan)(?: on| about)?|keeps? (?:its )?opinions? to itself",
    ),
    "feelings": (r"(?:express|show|claim|have|having|admit)\w* (?:to )?(?:\w+ )?(?:feelings|emotions)", r"(?!)"),
    "certainty": (
        rf"{_IS}(?:confident|certain|assertive|definite)|sure of itself",
        rf"hedg\w+|{_IS}(?:tentative|uncertain|unsure)|express\w* (?:its )?(?:doubts?|uncertainty)",
    ),
    "flattery": (
        r"flatter\w*|agree\w* with (?:the human|everything|whatever)|prais\w+ the human",
        r"disagree\w*|contradict\w*",
    ),
    "humanity": (r"(?:claims?|says?|pretend\w*) (?:to be|that it is|it is) (?:a )?(?:human|person)", r"(?!)"),
}
_NEGATION = re.compile(
    r"\b(?:not|never|no|without|avoid\w*|less|least|fewer|fewest|remove|take out|free (?:of|from)|instead of|"
    r"rather than|lacks?|refrain\w*|stop\w*|withhold\w*)\b|n[’']t\b"
)
_TOO_MUCH = re.compile(r"\b(?:needless\w*|unnecessar\w*|repeated|excessive\w*|too|overly|constant\w*|endless\w*)\b")
_TO_SOME = re.compile(r" (?:with|for|towards|among) (?!the (?:human|user)\b|people\b|readers\b|every)")


def wants(text: str, axis: str) -> set[int]:
    """Which sides of an axis a request asks for: 1 its first words, -1 the others."""
    found = {1} if axis == "refusing" and evades(text) else set()
    for sentence in unconditional(text):
        for clause in CLAUSE.split(sentence):
            for side, pattern in zip((1, -1), AXES[axis], strict=True):
                for match in re.finditer(rf"\b(?:{pattern})\b", clause):
                    said = clause[: match.end()]
                    if not _TOO_MUCH.search(said) and not _TO_SOME.match(clause[match.end() :]):
                        found.add(-side if _NEGATION.search(said) else side)
    return found


def contradiction(constitution: Constitution) -> Iterator[Place]:
    yield from capped(_told_once([*_by_meaning(constitution), *_by_words(constitution)]))


def _by_meaning(constitution: Constitution) -> Iterator[Place]:
    texts = list(requests(constitution, "comparison_request", "revision_request"))
    for axis in AXES:
        sides: dict[int, int] = {}
        for index, field, text in texts:
            asked = wants(text, axis)
            if len(asked) != 1:
                continue
            (side,) = asked
            if sides.get(-side, index) != index:
                name = constitution.principles[sides[-side]].id
                yield index, field, f"asks for the opposite of what '{name}' asks for ({axis})"
            sides.setdefault(side, index)


def _by_words(constitution: Constitution) -> Iterator[Place]:
    first: dict[tuple[frozenset[str], int], int] = {}
    for index, field, text in requests(constitution, "comparison_request"):
        for stems, sign in sorted(signed(text), key=str):
            other = first.get((stems, -sign), index)
            if other != index:
                name = constitution.principles[other].id
                yield index, field, f"asks for the opposite of what '{name}' asks for"
            first.setdefault((stems, sign), index)


def _told_once(places: list[Place]) -> Iterator[Place]:
    """The first finding about each two principles."""
    seen = set()
    for index, field, message in places:
        pair = (index, message.split("'")[1])
        if pair not in seen:
            seen.add(pair)
            yield index, field, message
