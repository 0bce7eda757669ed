"""What rounds of critique and revision do, by the preference model's score (paper figures 5, 6 and 7).

1. A round is told by the change since the initial response, paired by response: scores of one preference model have no
   zero of their own, and the responses' own level falls out. Round 0 is 0 by that.
2. Intervals are a bootstrap over prompts. A response whose revision cannot be used is missing from that round; `n`
   says how many are there.

How it departs from the paper: it shows raw scores, without intervals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import isfinite

from precepts.evals.statistics import Estimate, bootstrap_difference
from precepts.evidence import ScoredRevision


def score_by_round(revisions: Iterable[ScoredRevision], seed: int) -> dict[int, Estimate]:
    """The mean change of score since the initial response, by round from 1; empty with nothing to compare.

    Worked: responses scored 1 and 3 whose first revisions are scored 2 and 3 give round 1 the value 0.5.
    """
    scores: dict[int, dict[str, tuple[str, float]]] = defaultdict(dict)
    for each in revisions:
        if isfinite(each.score):
            scores[each.round][each.response_id] = (each.prompt_id, each.score)
    first = scores.pop(0, {})
    found = {}
    for number in sorted(scores):
        rows = [(prompt, after, first[name][1]) for name, (prompt, after) in scores[number].items() if name in first]
        if rows:
            prompts, after, before = zip(*rows, strict=True)
            found[number] = bootstrap_difference(after, before, prompts, seed=seed)
    return found
