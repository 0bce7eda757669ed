"""What a text negates: two texts that say the same negate the same.

1. A negation is a word such as `not`, `never`, `without`, `avoid`, and what it negates is the next word of meaning, by
   its first letters ("never deceives", "not deceiving" and "without deceiving" negate the same).
2. `harmful` against `harmless` and `honest` against `dishonest` is negation too: `turned` finds such a pair.
How it departs from the paper: the paper has no such thing.
"""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"[a-z]+(?:[’'-][a-z]+)*")
_NEGATES = re.compile(
    r"(?:not|never|no|none|nor|neither|nobody|nothing|cannot|\w+n[’']t|without|unless|rather|instead|less|least|worse|worst|"
    r"(?:avoid|refrain|refus|declin|prevent|prohibit|forbid|fail|lack|violat|ignor|resist|oppos|against|stop)\w*)"
)
_PASSED_OVER = frozenset(
    """a an any the to in be being is are was do does did have has it its of from that than and or by for with on at as
    even only ever also directly""".split()  # noqa: SIM905
)
_PREFIX, _SUFFIX = ("un", "in", "im", "dis", "non", "non-", "mis", "ir", "il"), (("ful", "less"), ("less", "ful"))
_LETTERS = 5  # of a word, enough to know it in another form


def negations(text: str) -> list[tuple[int, str]]:
    """Every negation of the text: which word it is, counted from 0, and the beginning of what it negates."""
    words = [word.lower() for word in text.split()]
    found = []
    for place, word in enumerate(words):
        bare = _WORD.search(word)
        if bare and _NEGATES.fullmatch(bare[0]):
            after = (_WORD.search(each) for each in words[place + 1 :])
            meant = (each[0] for each in after if each and each[0] not in _PASSED_OVER)
            found.append((place, next(meant, "")[:_LETTERS]))
    return found


def turned(text: str, original: str) -> bool:
    """Whether the text negates other things than the original does, or turns one of its words into the opposite."""
    if Counter(what for _, what in negations(text)) != Counter(what for _, what in negations(original)):
        return True
    words, known = (set(_WORD.findall(each.lower())) for each in (text, original))
    return any(_opposite(word, other) for word in words - known for other in known - words)


def _opposite(word: str, other: str) -> bool:
    by_prefix = any(word == start + other or other == start + word for start in _PREFIX)
    return by_prefix or any(
        word.endswith(one) and other.endswith(two) and word.removesuffix(one) == other.removesuffix(two)
        for one, two in _SUFFIX
    )
