"""The Ray executor: the records of the local one, whatever is killed; errors and settings told as everywhere."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from precepts.engines import EngineSettings, make_engine
from precepts.errors import InputError, PreceptsError, RunError
from precepts.executors import LocalExecutor
from precepts.prompts.formats import Format
from precepts.records import Message, Prompt, Response
from precepts.runs.folder import Run, open_stage
from precepts.runs.progress import Progress
from precepts.runs.work import Chunk, ChunkResult, Worker, chunked
from precepts.stages import respond
from precepts.stages.respond import RespondSettings

ray = pytest.importorskip("ray")
from precepts.executors.ray import LOSSES, RayExecutor, _room  # noqa: E402

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # an actor cannot import a test


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    """Two actors on a cluster of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("OMP_NUM_THREADS", "1")
        with RayExecutor(actors=2, cpus=0.5) as opened:
            yield opened


def doing(work: Callable[[Chunk[Any]], Any], log: Path | None = None) -> Callable[[], Worker]:
    """Makes workers that do `work`; each chunk that is begun leaves its index in `log`."""

    def worker(chunk: Chunk[Any]) -> ChunkResult:
        if log:
            with log.open("a") as file:
                print(chunk.index, file=file)
        return ChunkResult([(item, work(chunk)) for item in chunk.items], len(chunk.items), chunk.seed % 7)

    return lambda: worker


def as_told(results: Iterator[tuple[Chunk[Any], ChunkResult]]) -> list[tuple[int, list[Any], int, int]]:
    found = [(chunk.index, list(each.records), each.tokens_in, each.tokens_out) for chunk, each in results]
    return sorted(found, key=lambda each: each[0])


def test_the_results_of_the_local_executor(executor: RayExecutor) -> None:
    make = doing(lambda chunk: chunk.seed)
    items = list(chunked("abcdefg", 2, 13, "stage"))
    assert as_told(executor.map(make, items)) == as_told(LocalExecutor().map(make, items))
    assert list(executor.map(make, [])) == []


def waits_for_two(chunk: Chunk[Any], met: Path) -> int:
    """This actor's process, once two have met, or after a minute; only the first chunk waits for the other actor."""
    (met / str(os.getpid())).touch()
    end = time.monotonic() + 60
    while chunk.index == 0 and len(list(met.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    return os.getpid()


def test_both_actors_work_and_few_chunks_are_in_flight(executor: RayExecutor, tmp_path: Path) -> None:
    read: list[int] = []
    seen, pids, ahead = [], set(), []

    def items() -> Iterator[int]:
        for index in range(200):
            read.append(index)
            yield index

    for chunk, result in executor.map(doing(partial(waits_for_two, met=tmp_path)), chunked(items(), 1)):
        seen.append(chunk.index)
        pids.add(result.records[0][1])
        ahead.append(len(read) - len(seen))
    assert sorted(seen) == list(range(200))
    assert len(pids) == 2
    assert max(ahead) <= 2


def prompt(text: str) -> Prompt:
    return Prompt(text, "red_team", "train", "", "test", (Message("user", text),))


def dies_once(chunk: Chunk[Any], number: int, mark: Path) -> None:
    """Ends the actor at work on chunk `number`, the first time."""
    if chunk.index == number and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def test_an_actor_that_is_killed_costs_its_chunk_and_no_more(executor: RayExecutor, tmp_path: Path) -> None:
    folder = open_stage(Run(tmp_path), "respond", {}, "respond", 7, executor, Progress(quiet=True))
    log = tmp_path / "log"

    def make_worker() -> Worker:
        def worker(chunk: Chunk[Any]) -> ChunkResult:
            with log.open("a") as file:
                print(chunk.index, file=file)
            dies_once(chunk, 4, log.with_name("mark"))
            return ChunkResult(list(chunk.items), 1, 1)

        return worker

    prompts = [prompt(f"prompt {n}") for n in range(20)]
    folder.write_chunks(Prompt, prompts, len(prompts), 2, make_worker)
    folder.finish({})
    assert Counter(map(int, log.read_text().split())) == {**dict.fromkeys(range(10), 1), 4: 2}
    assert list(folder.run.read("respond", Prompt)) == prompts
    state = folder.run.state("respond")
    assert state is not None
    assert (state.tokens_in, state.tokens_out, state.progress["done"]) == (10, 10, 10)


def test_an_actor_killed_from_outside(executor: RayExecutor, tmp_path: Path) -> None:
    pid, log = tmp_path / "pid", tmp_path / "log"

    def work(chunk: Chunk[Any]) -> int:
        if chunk.index == 3 and not pid.exists():
            pid.write_text(str(os.getpid()))
            time.sleep(60)
        return chunk.index

    found = []
    for chunk, _ in executor.map(doing(work, log), chunked(range(12), 1)):
        found.append(chunk.index)
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGKILL)
    assert sorted(found) == list(range(12))
    assert Counter(map(int, log.read_text().split())) == {**dict.fromkeys(range(12), 1), 3: 2}


def test_a_chunk_that_ends_every_actor_ends_the_run(executor: RayExecutor, tmp_path: Path) -> None:
    def work(chunk: Chunk[Any]) -> None:
        if chunk.index == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    log = tmp_path / "log"
    with pytest.raises(RunError, match="at work on chunk 1 were lost, 3 in a row"):
        list(executor.map(doing(work, log), chunked("abc", 1)))
    assert log.read_text().split().count("1") == LOSSES


class Stillborn:
    """A worker factory that ends whatever process reads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


def test_actors_that_never_start_end_the_run(executor: RayExecutor) -> None:
    with pytest.raises(RunError, match="lost as they started"):
        list(executor.map(Stillborn(), chunked("abc", 1)))  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [InputError("no such model; name another"), RunError("gone"), KeyError("a bug")])
def test_an_error_is_raised_as_it_was(executor: RayExecutor, error: Exception) -> None:
    def work(chunk: Chunk[Any]) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        list(executor.map(doing(work), chunked("a", 1)))
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert isinstance(error, PreceptsError) or "in work" in str(caught.value.__cause__)


def test_nothing_is_left_running(executor: RayExecutor) -> None:
    results = executor.map(doing(lambda chunk: os.getpid()), chunked("abcdefgh", 1))
    pid = next(results)[1].records[0][1]
    results.close()  # as an interrupt closes it
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def answers(folder: Path, executor: Any, model: Path, style: Format) -> list[bytes]:
    """The shards of stage `respond` with the tiny model."""
    run = Run(folder)
    stages = {
        name: open_stage(run, name, {}, name, 7, executor, Progress(quiet=True)) for name in ("prompts", "respond")
    }
    stages["prompts"].write_records(Prompt, [prompt(f"How do I bake {n}?") for n in range(9)], set_name="prompts")
    settings = RespondSettings(max_tokens=8, chunk_size=2)
    ask = partial(make_engine, EngineSettings(dtype="float32", device="cpu"), str(model), name="start")
    respond.run(stages["respond"], settings, style, ask)
    assert any(each.text for each in run.read("respond", Response))
    return [path.read_bytes() for path in run.shards("respond")]


def test_a_model_answers_as_in_this_process(executor: RayExecutor, tiny_model: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    wanted = answers(here, LocalExecutor(), tiny_model, "chat")
    assert answers(there, executor, tiny_model, "chat") == wanted
    assert len(wanted) == 5


def test_an_actor_that_can_never_start_is_refused(executor: RayExecutor) -> None:
    greedy = RayExecutor(cpus=1e6)
    with pytest.raises(InputError, match=r"has the 1e\+06 CPUs and 0 GPUs of an actor"):
        list(greedy.map(doing(lambda chunk: 0), chunked("abc", 1)))


@pytest.mark.parametrize(
    ("resources", "cpus", "gpus", "room"),
    [
        ({"CPU": 8.0}, 1.0, 0.0, 8),
        ({"CPU": 8.0}, 3.0, 0.0, 2),
        ({"CPU": 8.0}, 0.5, 0.0, 16),
        ({"CPU": 8.0}, 1.0, 1.0, 0),
        ({"CPU": 8.0, "GPU": 4.0}, 1.0, 2.0, 2),
        ({"CPU": 1.0, "GPU": 4.0}, 1.0, 1.0, 1),
        ({}, 1.0, 0.0, 0),
    ],
)
def test_room_on_a_node(resources: dict[str, float], cpus: float, gpus: float, room: int) -> None:
    assert _room(resources, cpus, gpus) == room
