"""Batches of pairs of like length, the same on every machine and with any number of processes.

1. An epoch is a seeded shuffle. Each `POOL` batches' worth of it is sorted by length and cut into batches, and the
   batches are shuffled again: little padding is computed, and a batch is still a random sample of its length.
2. Within a batch rows stand by length too, so micro-batches, and the processes at one moment, have like work.
3. The remainder of an epoch is its last batch. It is filled up with rows that count nothing, and the others' weights
   are scaled to it, so that a step is always the mean over its pairs, however many micro-batches or processes share it.
4. An epoch's order depends on the seed and the epoch alone: a resumed training goes on with the same batches.
How it departs from the paper: the paper does not say how its batches are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Dataset, Sampler

from precepts.identity import seed_from
from precepts.training.pairs import PairRow, pair_row

POOL = 8  # batches
Place = tuple[int, float]  # a row's index (-1: a row that counts nothing) and what its weight is multiplied with


class PairRows(Dataset[PairRow]):
    """Rows, found by their places."""

    def __init__(self, rows: Sequence[PairRow], pad: int) -> None:
        self.rows = rows
        self.filler = pair_row([pad], [pad], 0.5, 0.0)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Place) -> PairRow:
        index, scale = place
        if index < 0:
            return self.filler
        row = self.rows[index]
        return PairRow(row.first, row.second, row.shared, row.p_first, row.weight * scale)


class LengthBatches(Sampler[Place]):
    """The places of an epoch's rows, batch after batch; `epoch` says which epoch the next iteration is."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def __len__(self) -> int:
        return self.steps * self.batch_size

    def __iter__(self) -> Iterator[Place]:
        for batch in self.batches(self.epoch):
            yield from _places(batch, self.batch_size)

    def batches(self, epoch: int) -> list[list[int]]:
        """An epoch's batches of row indices; only the last may have fewer than `batch_size`."""
        generator = torch.Generator().manual_seed(seed_from(self.seed, "pairs", epoch))
        shuffled = torch.randperm(len(self.lengths), generator=generator).tolist()
        whole = len(shuffled) // self.batch_size * self.batch_size
        full = _cut(self._pooled(shuffled[:whole]), self.batch_size)
        order = torch.randperm(len(full), generator=generator).tolist()
        return [full[n] for n in order] + _cut(self._pooled(shuffled[whole:]), self.batch_size)

    def first(self, steps: int) -> Iterator[int]:
        """The row indices of a training's first `steps` batches."""
        for epoch in range(-(-steps // self.steps)):
            for batch in self.batches(epoch)[: steps - epoch * self.steps]:
                yield from batch

    def _pooled(self, indices: list[int]) -> list[int]:
        pools = _cut(indices, POOL * self.batch_size)
        return [index for pool in pools for index in sorted(pool, key=lambda n: -self.lengths[n])]


def _cut(items: list[int], size: int) -> list[list[int]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _places(batch: list[int], size: int) -> list[Place]:
    return [(index, size / len(batch)) for index in batch] + [(-1, 0.0)] * (size - len(batch))
