"""The local executor: chunks in order with one worker, or several at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from precepts.errors import RunError
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


def test_chunks_in_threads_have_a_worker_each_and_are_done_once() -> None:
    made: list[int] = []
    together = threading.Barrier(3, timeout=10)

    def make_worker() -> Worker:
        made.append(threading.get_ident())

        def work(chunk: Chunk[int]) -> ChunkResult:
            together.wait()  # three are at work at once, or this fails
            return ChunkResult([sum(chunk.items), threading.get_ident()])

        return work

    found = list(LocalExecutor(3).map(make_worker, chunked(range(12), 2, "seed")))
    assert {chunk.index: result.records[0] for chunk, result in found} == {n: 4 * n + 1 for n in range(6)}
    assert len(found) == 6
    assert {result.records[1] for _, result in found} == set(made) and len(made) == 3


def test_an_error_in_a_thread_is_raised() -> None:
    def work(chunk: Chunk[int]) -> ChunkResult:
        raise RunError("the server is gone")

    with pytest.raises(RunError, match="the server is gone"):
        list(LocalExecutor(2).map(lambda: work, chunked(range(4), 1, "seed")))
