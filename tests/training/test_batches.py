"""Batches of like length: every row once an epoch, seeded, and a last batch that counts for its own pairs."""

from __future__ import annotations

import random

import pytest

from precepts.training.batches import LengthBatches, PairRows
from precepts.training.pairs import pair_row

LENGTHS = random.Random(0).choices(range(10, 500), k=203)


def padding(batches: list[list[int]]) -> int:
    return sum(max(LENGTHS[n] for n in batch) - LENGTHS[n] for batch in batches for n in batch)


def test_every_row_comes_once_an_epoch_and_the_remainder_last() -> None:
    order = LengthBatches(LENGTHS, 16, 7)
    for epoch in range(3):
        batches = order.batches(epoch)
        assert sorted(n for batch in batches for n in batch) == list(range(203))
        assert [len(batch) for batch in batches] == [16] * 12 + [11]
    assert order.steps == 13
    assert len(order) == len(list(order)) == 13 * 16


def test_the_order_is_the_seeds_and_the_epochs() -> None:
    order = LengthBatches(LENGTHS, 16, 7)
    assert order.batches(1) == LengthBatches(LENGTHS, 16, 7).batches(1)
    assert order.batches(1) != order.batches(0)
    assert order.batches(1) != LengthBatches(LENGTHS, 16, 8).batches(1)
    order.epoch = 1
    assert [index for index, _ in order][:32] == [n for batch in order.batches(1) for n in batch][:32]


def test_batches_are_of_like_length_in_no_order_of_length() -> None:
    order = LengthBatches(LENGTHS, 16, 7)
    shuffled = random.Random(1).sample(range(203), 203)
    assert padding(order.batches(0)) < 0.4 * padding([shuffled[n : n + 16] for n in range(0, 203, 16)])
    longest = [max(LENGTHS[n] for n in batch) for batch in order.batches(0)]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))
    for batch in order.batches(0):  # within a batch by length, so that micro-batches are of like length too
        assert [LENGTHS[n] for n in batch] == sorted((LENGTHS[n] for n in batch), reverse=True)


def test_the_last_batch_is_filled_with_rows_that_count_nothing() -> None:
    rows = [pair_row([1, n], [1, n + 1], 0.9, 2.0) for n in range(5)]
    data, order = PairRows(rows, 0), LengthBatches([3] * 5, 4, 1)
    places = list(order)
    assert [scale for _, scale in places] == [1.0] * 4 + [4.0] + [0.0] * 3
    assert [data[place].weight for place in places] == [2.0] * 4 + [8.0] + [0.0] * 3  # 8 / 4 pairs: one pair's 2
    assert data[places[4]].first == rows[places[4][0]].first
    assert data[places[5]].first == data[places[5]].second == [0]


@pytest.mark.parametrize(("steps", "rows"), [(0, 0), (1, 16), (13, 203), (14, 219), (26, 406)])
def test_the_rows_of_the_first_steps(steps: int, rows: int) -> None:
    order = LengthBatches(LENGTHS, 16, 7)
    found = list(order.first(steps))
    assert len(found) == rows
    assert found[:203] == [n for batch in order.batches(0) for n in batch][:rows]
