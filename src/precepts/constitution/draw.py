"""Draw principles at random (paper sections 3.1 and 4.1): one draw, one record, one seed.

1. Every draw is independent and made from the seed of the item it is for, so a chunk redone draws the same.
2. Several principles for one item are drawn spread out: the principles lie, shuffled, on a line as long as their
   weights, and are picked at even distances from a random start. Each is picked as often as its weight says, and none
   twice before it must be.
3. `sample_constitution` keeps a random part of the principles for a whole run (the paper's figure 6 varies how many
   principles there are).
How it departs from the paper: principles may carry weights; with none given the draw is uniform, as there.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from precepts.constitution.schema import Constitution, Principle
from precepts.errors import InputError
from precepts.identity import seed_from


def draw_principle(principles: Sequence[Principle], *path: object) -> Principle:
    """One principle, drawn by weight with the seed that `path` (run seed, stage, item, ...) gives."""
    chooser = random.Random(seed_from("principle", *path))
    return chooser.choices(principles, weights=[principle.weight for principle in principles])[0]


def draw_principles(principles: Sequence[Principle], count: int, *path: object) -> list[Principle]:
    """`count` principles for one item, drawn by weight and spread out, with the seed that `path` gives."""
    chooser = random.Random(seed_from("principles", *path))
    line = list(principles)
    chooser.shuffle(line)
    step = sum(principle.weight for principle in line) / count
    start = chooser.random() * step
    marks = [start + n * step for n in range(count)]
    ends = list(accumulate(principle.weight for principle in line))
    return [line[min(bisect_right(ends, mark), len(line) - 1)] for mark in marks]


def sample_constitution(constitution: Constitution, count: int | None, seed: int) -> Constitution:
    """`constitution` with `count` of its principles, in their order; all of them when `count` is None.

    Raises InputError where it has fewer."""
    if count is None or count == len(constitution.principles):
        return constitution
    if count > len(constitution.principles):
        there = f"'{constitution.name}' has {len(constitution.principles)}"
        raise InputError(f"constitution.sample: {count} principles are wanted and {there}; lower it")
    kept = set(random.Random(seed_from("sample", seed)).sample(range(len(constitution.principles)), count))
    principles = [principle for index, principle in enumerate(constitution.principles) if index in kept]
    return constitution.model_copy(update={"principles": principles})
