"""The local executor: chunks in order, one worker, made when there is work."""

from __future__ import annotations

from collections.abc import Iterator

from precepts.executors.local import LocalExecutor
from precepts.runs.work import Chunk, ChunkResult, Worker, chunked


def test_one_worker_does_every_chunk_in_order() -> None:
    made: list[str] = []

    def make_worker() -> Worker:
        made.append("a worker")
        return lambda chunk: ChunkResult([item.upper() for item in chunk.items])

    done = list(LocalExecutor().map(make_worker, chunked("abcde", 2)))
    assert [(chunk.index, list(result.records)) for chunk, result in done] == [
        (0, ["A", "B"]),
        (1, ["C", "D"]),
        (2, ["E"]),
    ]
    assert made == ["a worker"]
    assert list(LocalExecutor().map(make_worker, [])) == []
    assert made == ["a worker"]


def test_a_chunk_is_read_when_it_is_needed() -> None:
    read: list[int] = []

    def items() -> Iterator[str]:
        for index in range(10):
            read.append(index)
            yield str(index)

    def work(chunk: Chunk[str]) -> ChunkResult:
        return ChunkResult(chunk.items)

    results = LocalExecutor().map(lambda: work, chunked(items(), 2))
    next(results)
    assert read == [0, 1]
