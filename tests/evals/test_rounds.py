"""The change of score by round: worked numbers, pairing, what is missing."""

from __future__ import annotations

from math import isnan, nan

from precepts.evals.rounds import score_by_round
from precepts.evidence import ScoredRevision


def scored(response: str, number: int, score: float) -> ScoredRevision:
    return ScoredRevision(response, f"prompt of {response}", number, score)


def test_a_round_is_told_by_the_change_since_the_initial_response() -> None:
    rows = [scored("a", 0, 1.0), scored("b", 0, 3.0), scored("a", 1, 2.0), scored("b", 1, 3.0), scored("b", 2, 4.0)]
    found = score_by_round(rows, seed=0)
    assert list(found) == [1, 2]
    assert (found[1].value, found[1].low, found[1].high, found[1].n) == (0.5, 0.0, 1.0, 2)
    assert found[2].value == 1.0 and found[2].n == 1 and isnan(found[2].low)


def test_what_cannot_be_paired_is_left_out() -> None:
    assert score_by_round([], seed=0) == {}
    assert score_by_round([scored("a", 1, 2.0)], seed=0) == {}
    assert score_by_round([scored("a", 0, 2.0), scored("a", 1, nan)], seed=0) == {}
    assert score_by_round([scored("a", 0, 2.0), scored("b", 1, 1.0)], seed=0) == {}
