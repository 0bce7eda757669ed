"""What every text rule reads with: the requests, their words, and whether they are English.

1. The rules know English words, so they read English requests. A request of `TELLING` words or more that has next to
   none of the `_ENGLISH` ones is in another language; a shorter one is taken to be in the language of the rest.
2. Words are compared without stop words and cut to stems.
3. Findings about pairs are told up to `MOST` a rule: of two thousand like principles the first say it all.
How it departs from the paper: see `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

from precepts.constitution.schema import Constitution

REQUESTS = ("critique_request", "revision_request", "comparison_request")
MOST = 20  # findings about pairs, of each rule
TELLING = 5  # words that tell a text's language
Place = tuple[int | None, str | None, str]  # a principle's index (None: the whole constitution), a field, a message

WORD = re.compile(r"[a-z][a-z'’-]*")
STOP = frozenset(
    """a an and any are as at be been being by do does for from has have how if in into is it its last of on or other
    so some such than that the their them then there these they this those to was were what when where which who whom
    will with would you your assistant's assistant response responses human's human please""".split()  # noqa: SIM905
)
CLAUSE = re.compile(r"[.;:!?()]|, (?:but|and|or)|\bbut\b|\bthough\b|\bunless\b")
_ANY_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = frozenset(
    """the that this these those which who whom whose what where when how it its their they them are be and not with
    without by from than more less would could should can does have any each every there your his point out choose
    response responses answer rewrite human""".split()  # noqa: SIM905
)
_LEAST_ENGLISH = 0.08  # of the words


def _texts(constitution: Constitution, fields: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    for index, principle in enumerate(constitution.principles):
        for field in fields:
            if text := getattr(principle, field):
                yield index, field, text


def all_requests(constitution: Constitution, *fields: str) -> Iterator[tuple[int, str, str]]:
    """(principle, field, text) of every request that is there, in whichever language."""
    yield from _texts(constitution, fields or REQUESTS)


def requests(constitution: Constitution, *fields: str) -> Iterator[tuple[int, str, str]]:
    """(principle, field, text) of every English request."""
    rest = _rest(constitution)
    return (each for each in _texts(constitution, fields or REQUESTS) if is_english(each[2], rest))


def unread(constitution: Constitution) -> Iterator[Place]:
    rest = _rest(constitution)
    for index, field, text in all_requests(constitution):
        if not is_english(text, rest):
            yield index, field, "is in another language: text rules read English; this was not checked"


def is_english(text: str, rest: bool = True) -> bool:
    """Whether a text reads as English; `rest`: whether what stands around it does, for a text too short to tell."""
    share = _english(text)
    return rest if share is None else share >= _LEAST_ENGLISH


@cache
def _english(text: str) -> float | None:
    words = _ANY_WORD.findall(text.lower())
    letters = "".join(words)
    if sum(not letter.isascii() for letter in letters) > len(letters) / 2:
        return 0.0
    known = sum(word in _ENGLISH for word in words)
    return known / len(words) if known or len(words) >= TELLING else None


def _rest(constitution: Constitution) -> bool:
    return is_english(" ".join(text for _, _, text in _texts(constitution, REQUESTS)))


@cache
def stems(text: str) -> frozenset[str]:
    """The words of a text that carry meaning, without their endings."""
    words = (word for word in WORD.findall(text.lower()) if word not in STOP)
    ending = r"(?:ing|ies|ied|ers?|ed|es|ly|s|e)$"
    return frozenset(re.sub(ending, "", word) if len(word) > 4 else word for word in words)


def overlap(one: str, other: str) -> float:
    """How much of the words of two texts is common to both, in [0, 1] (Jaccard)."""
    first, second = stems(one), stems(other)
    return len(first & second) / len(first | second) if first | second else 0.0


def capped(places: Iterable[Place], most: int = MOST) -> Iterator[Place]:
    """The first `most` places, and one that says how many more there are."""
    rest = iter(places)
    yield from islice(rest, most)
    if more := sum(1 for _ in rest):
        yield None, None, f"and {more} more such {'place' if more == 1 else 'places'}, not listed"
