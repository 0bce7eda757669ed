"""What a revision changed: the words kept, taken out and put in, for a page to mark.

1. Words are compared, without the white space before them; a word that changed is shown taken out and put in.
2. A text that keeps less than `KEPT` of its words was written anew: marking every other word would hide what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

KEPT = 0.35  # of the words of both texts
_WORD = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True)
class Piece:
    """A stretch of words: in both texts (""), only in the first ("del") or only in the second ("ins")."""

    text: str
    change: Literal["", "del", "ins"]


def differences(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces that make `after` of `before`; none where it was written anew.

    >>> [(piece.change, piece.text) for piece in differences("Take the left road.", "Take the right road.")]
    [('', 'Take the'), ('del', ' left'), ('ins', ' right'), ('', ' road.')]
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = SequenceMatcher(None, [word.strip() for word in old], [word.strip() for word in new], autojunk=False)
    return tuple(_pieces(matcher, old, new)) if matcher.ratio() >= KEPT else ()


def _pieces(matcher: SequenceMatcher[str], old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    for what, i, j, k, m in matcher.get_opcodes():
        if what == "equal":
            yield Piece("".join(new[k:m]), "")
            continue
        if i < j:
            yield Piece("".join(old[i:j]), "del")
        if k < m:
            yield Piece("".join(new[k:m]), "ins")
