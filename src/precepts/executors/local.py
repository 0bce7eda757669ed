"""The local executor: chunks run here, one after another, with one worker made at the first chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from precepts.runs.work import Chunk, ChunkResult, WorkerFactory


class LocalExecutor:
    """Runs every chunk in this process."""

    def map(self, make_worker: WorkerFactory, chunks: Iterable[Chunk[Any]]) -> Iterator[tuple[Chunk[Any], ChunkResult]]:
        """Yield each chunk with its result, in order."""
        worker = None
        for chunk in chunks:
            worker = worker or make_worker()
            yield chunk, worker(chunk)
