"""Rules about two requests that say the same.

1. Two requests are near duplicates where their words (`words.stems`) overlap by `NEAR` (Jaccard). Each is told beside
   one before it that it is like.
2. Two sets that overlap by `NEAR` share a word that is among the rarest of each (the first `n - ceil(NEAR * n) + 1` of
   its n), so only requests that do are compared: thousands of unlike principles are read in seconds.
How it departs from the paper: see `checks.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from precepts.constitution.lint.words import REQUESTS, Place, all_requests, capped, overlap, requests, stems
from precepts.constitution.schema import Constitution

NEAR = 0.75  # of the words of two requests


def duplicate(constitution: Constitution) -> Iterator[Place]:
    yield from capped(_twice(constitution))


def _twice(constitution: Constitution) -> Iterator[Place]:
    for field in REQUESTS:
        seen: dict[str, int] = {}
        for index, _, text in all_requests(constitution, field):
            first = seen.setdefault(_plain(text), index)
            if first != index:
                name = constitution.principles[first].id
                yield index, field, f"word for word the {field} of '{name}'"


def near_duplicate(constitution: Constitution) -> Iterator[Place]:
    yield from capped(_nearly_twice(constitution))


def _nearly_twice(constitution: Constitution) -> Iterator[Place]:
    for field in REQUESTS:
        texts = [(index, text) for index, _, text in requests(constitution, field)]
        first = {_plain(text): index for index, text in reversed(texts)}
        often = Counter(stem for text in first for stem in stems(text))
        holding: dict[str, list[str]] = {}
        for index, text in texts:
            plain = _plain(text)
            words = sorted(stems(plain), key=lambda stem: (often[stem], stem))
            rarest = words[: len(words) - math.ceil(NEAR * len(words)) + 1]
            rivals = (rival for word in rarest for rival in holding.get(word, []) if rival != plain)
            like = next((rival for rival in rivals if overlap(rival, plain) >= NEAR), None)
            if like is not None:
                name, share = constitution.principles[first[like]].id, overlap(like, plain)
                yield index, field, f"says nearly what '{name}' says ({share:.0%} of the words)"
            if first[plain] == index:
                for word in rarest:
                    holding.setdefault(word, []).append(plain)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
