"""Rules about how a single request is worded, and about what stands beside it: sources, weights, tags.

1. Every rule is a function that yields (principle, field, message). Here are those that need no more than a pattern;
   `pairs.py`, `contradictions.py`, `roles.py` and `evasion.py` have the others, `words.py` what all read with.
2. Rules look at words, their order, and what two texts share. They are right often and not always; how sure to be is
   the rule's severity (`rules.py`).
How it departs from the paper: the paper chose its principles ad hoc, as it says itself (section 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from precepts.constitution.lint.words import STOP, WORD, Place, all_requests, requests
from precepts.constitution.schema import Constitution

HEAVY = 10.0  # times the median weight
LONG = 90  # words of a request
MANY = 7  # things asked for at once
_VAGUE = frozenset(
    """good better best bad worse worst nice nicer nicest appropriate inappropriate suitable proper properly right wrong
    fine great ideal acceptable unacceptable problematic okay correct quality high low improve improved choose pick
    select prefer rewrite revise make point out identify ways anything everything thing things version write more most
    less least very all be not should overall way could can""".split()  # noqa: SIM905
)


def vague(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution):
        words = [word for word in WORD.findall(text.lower()) if word not in STOP]
        telling = [word for word in words if word not in _VAGUE]
        if len(telling) < 2:
            yield index, field, "names nothing that two readers would agree on"


_UNBOUNDED = re.compile(
    r"\b(?:under (?:any|all|no) circumstances?|at (?:all|any) costs?|no matter what|"
    r"in (?:every|all) (?:possible )?(?:case|way)s?|everything (?:possible|conceivable)|"
    r"(?:any|all) (?:possible|conceivable|imaginable)|"
    r"absolutely (?:never|always|everything|nothing)|any and all|whatsoever|100 ?%|completely and utterly|"
    r"(?:could|might) (?:ever|possibly|conceivably) (?:be|offend|hurt|harm))\b",
    re.IGNORECASE,
)


def unbounded(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution):
        if match := _UNBOUNDED.search(text):
            yield index, field, f"knows no bounds (“{match[0]}”)"


def no_source(constitution: Constitution) -> Iterator[Place]:
    nothing = {"", "-", "none", "unknown", "n/a", "todo", "tbd", "?", "internet", "me", "us"}
    for index, principle in enumerate(constitution.principles):
        if principle.source.work.strip().lower() in nothing:
            yield (
                index,
                "source",
                f"says where it comes from in no way that can be followed (“{principle.source.work}”)",
            )


_PLACEHOLDER = re.compile(
    r"\{\w*\}|<\w+>|\bTODO\b|\bTBD\b|\bXXX\b|\bLorem ipsum\b|\[(?:insert|your|principle|topic)[^\]]*\]|Options:\s*$|"
    r"\n\n(?:Human|Assistant|CritiqueRequest|Critique|RevisionRequest|Revision):",
)


def placeholder(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in all_requests(constitution):
        if match := _PLACEHOLDER.search(text):
            yield index, field, f"holds what belongs to a template (“{match[0].strip()}”)"


_NEGATIVE = re.compile(
    r"\b(?:not|never|avoid\w*|without|least|less|fewest|fewer|no|nothing|doesn[’']t|don[’']t|isn[’']t|nobody)\b", re.I
)
_POSITIVE = re.compile(
    r"\b(?:more|most|better|best|clear\w*|protects?|respects?|helps?|treats?|offers?|stands?|keeps?|gives?|shows?|tells?|"
    r"supports?|cares?|says?|explains?|answers?|honest\w*|kind\w*|fair\w*|wise\w*|as possible)\b",
    re.I,
)


def negative(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution, "comparison_request"):
        if _NEGATIVE.search(text) and not _POSITIVE.search(text):
            yield index, field, "says only what a response should not be"


_TRAIT = re.compile(
    r"\b(?:is|sounds?|seems?|feels?|appears?|being) (?:\w+ )?(?:as )?(?:more |most |less |least |the )?(?:\w+)\b"
    r"(?: (?:and|or|,) \w+)*\s*[.?]?$",
    re.I,
)


def trait(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution, "comparison_request"):
        if _TRAIT.search(text.strip()) and len(text.split()) < 14:
            yield index, field, "names a trait and no behaviour that shows it"


def many_norms(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution):
        parts = max(len(re.findall(r",| and | or ", sentence)) + 1 for sentence in re.split(r"[.!?]", text) or [text])
        if parts > MANY:
            yield index, field, f"asks for some {parts} things at once"


def long(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in all_requests(constitution):
        if len(text.split()) > LONG:
            yield index, field, f"is {len(text.split())} words long"


def heavy(constitution: Constitution) -> Iterator[Place]:
    weights = sorted(principle.weight for principle in constitution.principles)
    median = weights[len(weights) // 2]
    for index, principle in enumerate(constitution.principles):
        if len(weights) > 2 and principle.weight > HEAVY * median:
            share = principle.weight / sum(weights)
            yield index, "weight", f"is drawn in {share:.0%} of all cases"


def derived(constitution: Constitution) -> Iterator[Place]:
    for index, principle in enumerate(constitution.principles):
        marks = {"derived", "draft"} & set(principle.tags)
        if marks:
            yield index, "tags", f"was made by a program and not yet looked at (tag {', '.join(sorted(marks))})"


def uneven(constitution: Constitution) -> Iterator[Place]:
    served = {
        "critique_request and revision_request": constitution.revising,
        "comparison_request": constitution.judging,
    }
    for name, principles in served.items():
        if not principles:
            yield None, None, f"no principle has a {name}: one of the method's two stages has nothing to draw"
