"""The local executor: chunks run in this process, one after another, or several at once in threads.

1. Each thread makes a worker of its own at its first chunk, and so has an engine of its own: meant for engines that
   wait for a server, which several chunks keep busy while one of them waits for its last answer.
2. No more chunks are read ahead than there are threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

from precepts.runs.work import Chunk, ChunkResult, WorkerFactory


class LocalExecutor:
    """Runs chunks in this process, `workers` at once."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers

    def map(self, make_worker: WorkerFactory, chunks: Iterable[Chunk[Any]]) -> Iterator[tuple[Chunk[Any], ChunkResult]]:
        """Yield each chunk with its result, in order where there is one worker. Raises what a worker raises."""
        if self.workers > 1:
            yield from self._threaded(make_worker, iter(chunks))
            return
        worker = None
        for chunk in chunks:
            worker = worker or make_worker()
            yield chunk, worker(chunk)

    def _threaded(
        self, make_worker: WorkerFactory, chunks: Iterator[Chunk[Any]]
    ) -> Iterator[tuple[Chunk[Any], ChunkResult]]:
        own = threading.local()

        def work(chunk: Chunk[Any]) -> ChunkResult:
            if not hasattr(own, "worker"):
                own.worker = make_worker()
            result: ChunkResult = own.worker(chunk)
            return result

        at_work: dict[Future[ChunkResult], Chunk[Any]] = {}
        with ThreadPoolExecutor(self.workers) as pool:
            while True:
                for chunk in islice(chunks, self.workers - len(at_work)):
                    at_work[pool.submit(work, chunk)] = chunk
                if not at_work:
                    return
                for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                    yield at_work.pop(future), future.result()
