"""Drawing principles: fixed by the seed, fair by the weights."""

from __future__ import annotations

from collections import Counter

import pytest

from precepts.constitution import (
    Constitution,
    Principle,
    Source,
    draw_principle,
    load_constitution,
    sample_constitution,
)
from precepts.errors import InputError


def constitution(*weights: float) -> Constitution:
    principles = [
        Principle(
            id=f"p{index}",
            title="t",
            source=Source(work="w"),
            critique_request="c",
            revision_request="r",
            comparison_request="c",
            weight=weight,
        )
        for index, weight in enumerate(weights)
    ]
    return Constitution(name="n", version="1", principles=principles)


def test_the_same_path_draws_the_same_principle() -> None:
    default = load_constitution("default")
    drawn = [draw_principle(default.principles, 0, "revise", f"item {index}", 1).id for index in range(50)]
    assert drawn == [draw_principle(default.principles, 0, "revise", f"item {index}", 1).id for index in range(50)]
    assert drawn != [draw_principle(default.principles, 0, "revise", f"item {index}", 2).id for index in range(50)]
    assert drawn != [draw_principle(default.principles, 1, "revise", f"item {index}", 1).id for index in range(50)]


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (1, 2, 5), (0.001, 0.003), (7,), (1e6, 1e6)])
def test_draws_follow_the_weights(weights: tuple[float, ...]) -> None:
    several, draws = constitution(*weights), 4000
    counts = Counter(draw_principle(several.principles, "seed", index).id for index in range(draws))
    for index, weight in enumerate(weights):
        share = weight / sum(weights)
        assert abs(counts[f"p{index}"] / draws - share) < 4 * (share * (1 - share) / draws) ** 0.5 + 1e-9


@pytest.mark.parametrize("count", [1, 5, 33, 34])
def test_a_sample_keeps_the_order_and_the_count(count: int) -> None:
    default = load_constitution("default")
    order = [principle.id for principle in default.principles]
    sample = sample_constitution(default, count, seed=3)
    kept = [principle.id for principle in sample.principles]
    assert len(set(kept)) == count
    assert kept == sorted(kept, key=order.index)
    assert sample == sample_constitution(default, count, seed=3)
    assert len(default.principles) == 34


def test_samples_differ_by_seed_and_none_keeps_all() -> None:
    default = load_constitution("default")
    assert len({sample_constitution(default, 5, seed).hash for seed in range(20)}) > 15
    assert sample_constitution(default, None, 0) is default


def test_more_principles_than_there_are_cannot_be_kept() -> None:
    with pytest.raises(InputError, match="3 principles are wanted and 'n' has 2; lower it"):
        sample_constitution(constitution(1, 1), 3, 0)
