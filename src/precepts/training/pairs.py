"""Pairs of responses: as labelled, and as rows of token ids ready to be batched. No torch here.

1. `LabelledPair` is what the preference model is trained on: two responses and the probability that the first is
   better.
2. `PairRow` is the same pair as token ids. Both texts are encoded whole, each cut from its beginning to the length
   that is kept, so a response is tokenised as it is when it is scored alone; only then is their common prefix found.
3. That prefix need not be the prompt: responses that begin alike share more, a conversation of which the longer
   response cost a piece shares nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from precepts.records import Messages


@dataclass(frozen=True)
class LabelledPair:
    """Two responses, the probability that the first is better, and how much the pair counts."""

    messages: Messages
    first: str
    second: str
    p_first: float
    weight: float


@dataclass(frozen=True)
class PairRow:
    """Token ids of both texts (each at least one), how many they have in common at the beginning, label and weight
    (a share of the data set's mean weight)."""

    first: list[int]
    second: list[int]
    shared: int
    p_first: float
    weight: float

    @property
    def tokens(self) -> int:
        """The tokens of both texts."""
        return len(self.first) + len(self.second)

    @property
    def packed(self) -> int:
        """The tokens of both texts when their common beginning is taken once."""
        return self.tokens - self.shared

    @property
    def longest(self) -> int:
        """The tokens of the longer text."""
        return max(len(self.first), len(self.second))


def pair_row(first: list[int], second: list[int], p_first: float, weight: float) -> PairRow:
    """The row of two encoded texts."""
    return PairRow(first, second, common_prefix(first, second), p_first, weight)


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many items two sequences have in common at their beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (one, two) in pairs if one != two), min(len(first), len(second)))
