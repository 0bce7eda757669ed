"""The unit of work: a chunk of items, seeded, done by a worker, wherever an executor runs it.

1. A chunk's seed comes from the run's seed, the stage and the chunk's place, and its items are fixed by the stage's
   input. So a chunk's records do not depend on who runs it, nor on what ran before.
2. A worker is made where it works (`WorkerFactory`): an engine is loaded there once and serves many chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from precepts.identity import seed_from

T = TypeVar("T")


@dataclass(frozen=True)
class Chunk(Generic[T]):
    """`items` number `index` of a stage's work, with the seed of every random choice made for them."""

    index: int
    items: tuple[T, ...]
    seed: int


@dataclass(frozen=True)
class ChunkResult:
    """A chunk's records and the tokens its engine read and wrote."""

    records: Sequence[Any]
    tokens_in: int = 0
    tokens_out: int = 0


Worker = Callable[[Chunk[Any]], ChunkResult]
WorkerFactory = Callable[[], Worker]


class Executor(Protocol):
    """Runs chunks and yields each with its result, in any order. Makes workers as it needs them."""

    def map(
        self, make_worker: WorkerFactory, chunks: Iterable[Chunk[Any]]
    ) -> Iterator[tuple[Chunk[Any], ChunkResult]]: ...


def chunked(items: Iterable[T], size: int, *seed_path: object) -> Iterator[Chunk[T]]:
    """Cut `items` into chunks of `size`, read as they are needed; `seed_path` roots their seeds."""
    held: list[T] = []
    index = 0
    for item in items:
        held.append(item)
        if len(held) == size:
            yield Chunk(index, tuple(held), seed_from(*seed_path, index))
            held, index = [], index + 1
    if held:
        yield Chunk(index, tuple(held), seed_from(*seed_path, index))
