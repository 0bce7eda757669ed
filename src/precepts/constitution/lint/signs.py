"""What a request asks for and asks to avoid: its clauses as sets of stems, each with a sign.

1. A request is cut where commas, “and”, “or”, “but”, “without” and the like join its parts. Each part is the set of its
   words that carry meaning, cut to stems.
2. The sign is 1 for what is asked for and -1 for what is to be avoided. “Less”, “least”, “not”, “never”, “without” turn
   it, “more” and “most” keep it, and so do the beginning of “unkind” and the ending of “harmless”, which turn it too.
3. After a negation, what follows “or” is negated with it; what follows a comma or “and” may or may not be, and is left
   out. So are sentences that say when they hold, and those of more than `LONGEST` words, whose parts hang together in
   ways that this does not see.
How it departs from the paper: see `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from precepts.constitution.lint.words import STOP, WORD

LONGEST = 30
_WHEN = re.compile(
    r"\b(?:if|when|whenever|where|wherever|unless|while|because|since|although|though|just as|as long as)\b"
)
_JOINT = re.compile(
    r"(?P<new>[.;:!?“”]|,? \bbut\b)|(?P<turn>,? \b(?:without|instead of|rather than)\b)|(?P<past>\b(?:than|over)\b)|"
    r"(?P<hold>,? \b(?:or|nor)\b)|(?P<list>, and\b|[,()]|\band\b)"
)
_TURNS = frozenset(
    """not never no none less least fewer fewest avoid avoids avoiding lacks refrains free
    nothing""".split()  # noqa: SIM905
)
_KEEPS = frozenset(("more", "most"))
_SMALL = STOP | frozenset(
    """more most very much really quite choose pick prefer select answer reply one two ones sound sounds seem seems
    stay stays remain remains keep keeps give gives make makes show shows use uses contain contains hold holds offer
    offers appear appears person people user reader readers somebody someone anybody anyone everybody everyone all
    towards toward follow follows norm better own we our claude should must can may might""".split()  # noqa: SIM905
)
_BEGUN = re.compile(
    r"un(?!der|ique|it|ion|ivers|til)(?=\w{4})|non-?(?=\w{4})|dis(?=honest|respect|loyal|courteous)|"
    r"im(?=partial|polite|patient|proper|moral|mature|precise)|"
    r"in(?=accurate|correct|formal|sensitive|complete|considerate|direct|sincere|tolerant|coherent|decent|consistent)"
)
_WHOLE = frozenset(("honest", "modest", "earnest", "interest", "suggest", "answer", "never", "danger", "proper"))


def unconditional(text: str) -> Iterator[str]:
    """The sentences of a text that do not say when they hold, of at most `LONGEST` words, in lower case."""
    sentences = re.split(r"(?<=[.!?])\s", text.lower())
    return (each for each in sentences if len(each.split()) <= LONGEST and not _WHEN.search(each))


def quality(word: str) -> tuple[str, int]:
    """A word's stem and sign.

    >>> quality("unkinder"), quality("harmless"), quality("harmful"), quality("safest")
    (('kind', -1), ('harm-ful', -1), ('harm-ful', 1), ('saf', 1))
    """
    sign = 1
    if begun := _BEGUN.match(word):
        word, sign = word[begun.end() :], -1
    if ended := re.search(r"(?<=\w{3})(less|ful)(?:ly|ness)?$", word):
        return f"{word[: ended.start()]}-ful", -sign if ended[1] == "less" else sign
    if len(word) > 4 and word not in _WHOLE:
        word = re.sub(r"(?:iest|ier|ily|ies|ied|iness)$", "y", word)
        word = re.sub(r"(?:ings?|ers?|ed|est|es|ly|ness|s)$", "", word)
    return (word.removesuffix("e") if len(word) > 3 else word), sign


@cache
def signed(text: str) -> frozenset[tuple[frozenset[str], int]]:
    """What a request asks for, as (stems, 1), and to avoid, as (stems, -1).

    >>> [(sorted(stems), sign) for stems, sign in signed("Choose the response that is less rude.")]
    [(['rud'], -1)]
    """
    found = set()
    for sentence in unconditional(text.replace("n't", " not").replace("n’t", " not")):
        sign, start, joint = 1, 0, "new"
        for cut in [*_JOINT.finditer(sentence), None]:
            words = WORD.findall(sentence[start : cut.start() if cut else None])
            told = [quality(word) for word in words if word not in _TURNS and word not in _SMALL]
            sign = _sign(words, joint, sign)
            if told and sign:
                turned = sum(each < 0 for _, each in told)
                found.add((frozenset(stem for stem, _ in told), sign * (-1) ** turned))
            if cut:
                start, joint = cut.end(), cut.lastgroup or "new"
    return frozenset(found)


def _sign(words: list[str], joint: str, before: int) -> int:
    """The sign of a part, by what joins it to the part before; 0 where it cannot be told."""
    turns = sum(word in _TURNS for word in words)
    if turns or _KEEPS & set(words):
        return -1 if (turns + (joint == "turn")) % 2 else 1
    return {"new": 1, "turn": -1, "past": 0, "hold": before, "list": max(before, 0)}[joint]
