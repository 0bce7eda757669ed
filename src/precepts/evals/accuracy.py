"""Is the better response preferred? Accuracy on labelled comparisons, beside the rule that prefers the longer one.

1. A comparison is decided where something favours one response; ties are left out and counted.
2. The longer response (in characters) is the cheapest guess there is, and often a good one. It is judged on the same
   comparisons, those of unlike lengths, and the difference is paired.

How it departs from the paper: it reports accuracy alone (figure 4), and no intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from precepts.evals.shares import share, share_difference
from precepts.evals.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Choice:
    """A labelled comparison. `lean`: above 0 favours the first response, below 0 the second, 0 neither; `first_better`
    is the label; `longer` is how many characters the first has more."""

    prompt_id: str
    lean: float
    first_better: bool
    longer: int

    @property
    def right(self) -> bool:
        """Whether the lean is the label's; call it on decided ones."""
        return (self.lean > 0) == self.first_better

    @property
    def longer_right(self) -> bool:
        """Whether the longer response is the better one; call it where lengths differ."""
        return (self.longer > 0) == self.first_better


@dataclass(frozen=True)
class Accuracy:
    """Shares in [0, 1] of decided comparisons, `even` the number of undecided ones; `over_longer` in [-1, 1] is
    accuracy less the baseline `longer`, both where lengths differ."""

    accuracy: Estimate
    even: int
    longer: Estimate
    over_longer: Estimate


def accuracy_of(choices: Sequence[Choice], *, seed: int) -> Accuracy:
    """The accuracy of `choices`, with 95 % intervals clustered by prompt. Nothing decided: nan, n = 0."""
    decided = [each for each in choices if each.lean != 0]
    apart = [each for each in decided if each.longer != 0]
    right, longer = [each.right for each in apart], [each.longer_right for each in apart]
    prompts = [each.prompt_id for each in apart]
    return Accuracy(
        accuracy=share([each.right for each in decided], [each.prompt_id for each in decided], seed=seed),
        even=len(choices) - len(decided),
        longer=share(longer, prompts, seed=seed),
        over_longer=share_difference(right, longer, prompts, seed=seed),
    )
