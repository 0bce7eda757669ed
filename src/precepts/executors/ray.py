"""The Ray executor: chunks run in actors, each with a worker and so an engine of its own, on one machine or many.

1. The driver cuts the chunks, hands them out and takes back what comes of them. A chunk is yielded once, so it is
   written once, however often it was begun.
2. An actor holds one chunk, and none before it has started: what is in flight does not grow with the number of chunks,
   and an actor that waits for room keeps nothing waiting.
3. An actor that is lost, alone or with its node, costs its chunk: another is started and the chunk is done again. A
   chunk that has cost `LOSSES` actors is taken for the cause, and ends the run.
4. A worker's error is raised here, as the same class with the same message as the local executor's.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from precepts.errors import InputError, PreceptsError, RunError
from precepts.runs.work import Chunk, ChunkResult, Worker, WorkerFactory

try:
    import ray
except ImportError:
    raise InputError("executor ray: the package ray is not installed; run: pip install 'precepts[ray]'") from None

LOSSES = 3
_SECONDS = 10.0  # for a cluster to answer
_GONE = (
    ray.exceptions.RayActorError,
    ray.exceptions.ObjectLostError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.OutOfMemoryError,
)


class RayExecutor:
    """Runs chunks in `actors` Ray actors (None: as many as there is room for) of `cpus` and `gpus` each.

    Connects at the first chunk: to `address`, else to `RAY_ADDRESS`, else to a cluster started here for as long as
    the executor is open. Raises InputError where no cluster answers or an actor can never have what it needs.
    """

    def __init__(
        self,
        actors: int | None = None,
        cpus: float = 1.0,
        gpus: float | None = None,
        address: str | None = None,
    ) -> None:
        self.actors, self.cpus, self.gpus, self.address = actors, cpus, gpus, address
        self._connected = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._connected:
            ray.shutdown()
            self._connected = False

    def map(self, make_worker: WorkerFactory, chunks: Iterable[Chunk[Any]]) -> Iterator[tuple[Chunk[Any], ChunkResult]]:
        """Yield each chunk with its result, as they come. Raises what a worker raises, RunError where a chunk's actors
        are lost again and again."""
        self._connect()
        gpus = self._gpus()
        crew = _Crew(make_worker, chunks, self._count(gpus), {"num_cpus": self.cpus, "num_gpus": gpus})
        try:
            yield from crew.results()
        finally:
            crew.dismiss()

    def _connect(self) -> None:
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            _reach(address)
            ray.init(address, **quiet, **({"include_dashboard": False} if address == "local" else {}))
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            mend = "start it (ray start --head), or correct executor.address or RAY_ADDRESS"
            raise InputError(f"executor ray: no cluster at '{address}' ({reason}); {mend}") from None
        self._connected = True

    def _gpus(self) -> float:
        if self.gpus is not None:
            return self.gpus
        return 1.0 if ray.cluster_resources().get("GPU") else 0.0

    def _count(self, gpus: float) -> int:
        """How many actors to have. More than there is room for start when nodes join."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(_room(node, self.cpus, gpus) for node in nodes)
        if not room and self.actors is None:
            raise InputError(
                f"executor ray: no node of the cluster has the {self.cpus:g} CPUs and {gpus:g} GPUs of an actor; "
                "lower executor.cpus or executor.gpus, or set executor.actors to wait until one joins"
            )
        return self.actors or room


def _reach(address: str) -> None:
    """Raise OSError at once where nobody listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()


def _room(resources: dict[str, float], cpus: float, gpus: float) -> int:
    by_cpus = int(resources.get("CPU", 0) / cpus)
    return min(by_cpus, int(resources.get("GPU", 0) / gpus)) if gpus else by_cpus


class _Actor:
    """What runs in an actor: a worker, made at its first chunk. An error made for a person travels as a value."""

    def __init__(self, make_worker: WorkerFactory) -> None:
        self.make_worker = make_worker
        self.worker: Worker | None = None

    def ready(self) -> None:
        """Answers once the actor has started."""

    def work(self, chunk: Chunk[Any]) -> ChunkResult | PreceptsError:
        try:
            self.worker = self.worker or self.make_worker()
            return self.worker(chunk)
        except PreceptsError as error:
            return error


@dataclass
class _Task:
    """A chunk to be done, and how many actors were lost at work on it."""

    chunk: Chunk[Any]
    losses: int = 0


@dataclass(eq=False)
class _Seat:
    """An actor, the task it is at (None: it starts, or is idle), and what it will answer next (None: it is idle)."""

    actor: Any
    answer: Any
    task: _Task | None = None


class _Crew:
    """The actors of one `map`, at most `size` of them, and the chunks on their way through them."""

    def __init__(
        self, make_worker: WorkerFactory, chunks: Iterable[Chunk[Any]], size: int, needs: dict[str, float]
    ) -> None:
        self.make_worker, self.size = make_worker, size
        self.remote = ray.remote(_Actor).options(**needs)
        self.unread, self.todo = iter(chunks), deque[_Task]()
        self.seats: list[_Seat] = []
        self.stillborn = 0  # actors lost, one after another, before they had started

    def results(self) -> Iterator[tuple[Chunk[Any], ChunkResult]]:
        """Each chunk with its result, once."""
        while True:
            self._hand_out()
            if not self.todo and not self._at_work():
                return
            waiting = {seat.answer: seat for seat in self.seats if seat.answer is not None}
            done, _ = ray.wait(list(waiting))
            found = self._take(waiting[done[0]])
            if found:
                yield found

    def dismiss(self) -> None:
        """End every actor."""
        while self.seats:
            _end(self.seats.pop())

    def _at_work(self) -> int:
        return sum(seat.task is not None for seat in self.seats)

    def _hand_out(self) -> None:
        """Read as many chunks as there can be actors at work, start the actors for them, and give to those idle."""
        self.todo.extend(map(_Task, islice(self.unread, self.size - self._at_work() - len(self.todo))))
        for _ in range(len(self.todo) + self._at_work() - len(self.seats)):
            actor = self.remote.remote(self.make_worker)
            self.seats.append(_Seat(actor, actor.ready.remote()))
        for seat in self.seats:
            if seat.answer is None and self.todo:
                seat.task = self.todo.popleft()
                seat.answer = seat.actor.work.remote(seat.task.chunk)

    def _take(self, seat: _Seat) -> tuple[Chunk[Any], ChunkResult] | None:
        """A seat's answer: a chunk's result, or None where the actor has started or is lost."""
        try:
            result = ray.get(seat.answer)
        except _GONE as error:
            self._let_go(seat, error)
            return None
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        if isinstance(result, PreceptsError):
            raise result
        task, seat.task, seat.answer = seat.task, None, None
        self.stillborn = 0
        return (task.chunk, result) if task else None

    def _let_go(self, seat: _Seat, error: Exception) -> None:
        """Take a lost actor from its seat; its chunk is the next to be handed out, which starts another actor."""
        self.seats.remove(seat)
        _end(seat)
        if seat.task:
            seat.task.losses += 1
            self.todo.appendleft(seat.task)
            losses, what = seat.task.losses, f"the actors at work on chunk {seat.task.chunk.index} were lost"
        else:
            self.stillborn += 1
            losses, what = self.stillborn, "actors were lost as they started"
        if losses == LOSSES:
            said = " ".join(str(error).split())
            raise RunError(f"executor ray: {what}, {LOSSES} in a row; often memory ran out. The last: {said[:400]}")


def _end(seat: _Seat) -> None:
    with suppress(ray.exceptions.RayError, ValueError):  # it has ended already, or the cluster is gone
        ray.kill(seat.actor)
