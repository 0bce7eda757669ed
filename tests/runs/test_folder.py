"""The run folder: what it remembers, what it takes for done, and how cut-short work goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from precepts.errors import RunError
from precepts.executors.local import LocalExecutor
from precepts.records import Rollout
from precepts.runs.fingerprint import Parts, changed_parts, fingerprint, flat
from precepts.runs.folder import Run, StageFolder, StageState, open_stage
from precepts.runs.progress import Progress
from precepts.runs.shards import write_shard
from precepts.runs.work import Chunk, ChunkResult, Executor, Worker, WorkerFactory, chunked

PARTS: Parts = {"seed": 0, "revise.rounds": 4}


class Stumbling:
    """An executor that gives up after `count` chunks, and hands out chunks last first."""

    def __init__(self, count: int) -> None:
        self.count = count

    def map(self, make_worker: WorkerFactory, chunks: Iterable[Chunk[Any]]) -> Iterator[tuple[Chunk[Any], ChunkResult]]:
        worker = make_worker()
        for chunk in list(chunks)[::-1][: self.count]:
            yield chunk, worker(chunk)
        raise RunError("the cluster is gone")


class Workers:
    """A factory of workers that notes which chunks they did."""

    def __init__(self) -> None:
        self.made, self.did = 0, list[int]()

    def __call__(self) -> Worker:
        self.made += 1
        return self.work

    def work(self, chunk: Chunk[str]) -> ChunkResult:
        self.did.append(chunk.index)
        rollouts = [Rollout(chunk.index, item, "helpful", f"{item} {chunk.seed}", 0.5) for item in chunk.items]
        return ChunkResult(rollouts, tokens_in=10, tokens_out=len(rollouts))


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., StageFolder]:
    """Opens stage `respond` of a run."""

    def open_respond(executor: Executor | None = None, parts: Parts = PARTS, name: str = "run") -> StageFolder:
        quiet = Progress(quiet=True)
        return open_stage(
            Run(tmp_path / name), "respond", parts, "[1/9] respond", 0, executor or LocalExecutor(), quiet
        )

    return open_respond


def write(folder: StageFolder, workers: Workers, items: str = "abcdefg", set_name: str = "records") -> None:
    folder.write_chunks(Rollout, iter(items), len(items), 2, workers, set_name)


def shards(folder: StageFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.path.glob("*.parquet")}


def texts(folder: StageFolder, set_name: str = "records") -> list[str]:
    return [rollout.prompt_id for rollout in folder.run.read("respond", Rollout, set_name)]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ({"a": {"b": 1, "c": {"d": None}}}, {"x.a.b": 1, "x.a.c.d": None}),
        ({"a": [1, {"b": 2}]}, {"x.a[0]": 1, "x.a[1].b": 2}),
        ({"a": ["p", "q"], "b": []}, {"x.a": ["p", "q"], "x.b": []}),
        ({"a": {}}, {"x.a": {}}),
        (3, {"x": 3}),
    ],
)
def test_flat(value: Any, parts: Parts) -> None:
    assert flat(value, "x") == parts


@pytest.mark.parametrize(
    ("old", "new", "phrases"),
    [
        ({"revise.rounds": 4}, {"revise.rounds": 2}, ["revise.rounds was 4, is 2"]),
        ({"b": None, "a": "x"}, {"b": 0.5, "a": "y"}, ['a was "x", is "y"', "b was null, is 0.5"]),
        ({"a": 1}, {"b": 1}, ["a was 1, is not set", "b was not set, is 1"]),
        ({"a": "é" * 80}, {"a": ""}, ['a was "' + "é" * 56 + '..., is ""']),
        ({"a": [1, 2]}, {"a": [1, 2]}, []),
        ({"upstream.sl": "ab"}, {"upstream.sl": "cd"}, ["hangs on sl"]),
    ],
)
def test_changed_parts_are_told_in_a_phrase_each(old: Parts, new: Parts, phrases: list[str]) -> None:
    assert changed_parts(old, new) == phrases
    assert (fingerprint(old) == fingerprint(new)) == (not phrases)


def test_a_stage_that_has_not_begun_has_no_state(tmp_path: Path) -> None:
    run = Run(tmp_path / "nowhere")
    assert run.state("respond") is None
    assert run.shards("respond") == []
    assert list(run.read("respond", Rollout)) == []
    assert run.count("respond") == 0
    assert run.model("sl") == tmp_path / "nowhere" / "models" / "sl"


def test_a_stage_from_begin_to_end(opened: Callable[..., StageFolder]) -> None:
    folder = opened()
    begun = folder.run.state("respond")
    assert begun is not None
    assert (begun.fingerprint, begun.parts, begun.done) == (fingerprint(PARTS), PARTS, False)
    workers = Workers()
    write(folder, workers)
    write(folder, workers, "xyz", set_name="extra")
    folder.finish({"usable": 7})
    state = folder.run.state("respond")
    assert state is not None
    assert state.done
    assert (state.records, state.counts) == ({"records": 7, "extra": 3}, {"usable": 7})
    assert (state.tokens_in, state.tokens_out) == (60, 10)
    assert texts(folder) == list("abcdefg")
    assert texts(folder, "extra") == list("xyz")
    assert folder.run.count("respond") == 7


@pytest.mark.parametrize("stumbles", [[0], [1], [3], [1, 1, 1], [4]])
def test_cut_short_work_goes_on_to_the_same_bytes(opened: Callable[..., StageFolder], stumbles: list[int]) -> None:
    whole = opened(name="whole")
    write(whole, Workers())
    workers = Workers()
    for count in stumbles:
        with pytest.raises(RunError, match="the cluster is gone"):
            write(opened(Stumbling(count)), workers)
    stopped = opened().run.state("respond")
    assert stopped is not None
    assert not stopped.done
    assert stopped.progress == {"done": sum(stumbles), "total": 4, "unit": "chunks"}
    resumed = opened()
    write(resumed, workers)
    assert sorted(workers.did) == [0, 1, 2, 3]
    assert shards(resumed) == shards(whole)
    assert texts(resumed) == list("abcdefg")


def test_a_stage_has_records_from_its_first_shard_on(opened: Callable[..., StageFolder]) -> None:
    run = opened(Stumbling(1)).run
    assert not run.has_records("respond")
    assert not run.has_records("nowhere")
    with pytest.raises(RunError):
        write(opened(Stumbling(1)), Workers())
    assert run.has_records("respond")


def test_work_that_is_all_there_makes_no_worker(opened: Callable[..., StageFolder]) -> None:
    write(opened(), Workers())
    idle = Workers()
    write(opened(Stumbling(0)), idle)
    assert idle.made == 0


def test_a_lost_shard_alone_is_made_again(opened: Callable[..., StageFolder]) -> None:
    write(opened(), Workers())
    folder, again = opened(), Workers()
    before = shards(folder)
    folder.run.shards("respond")[1].unlink()
    write(folder, again)
    assert again.did == [1]
    assert shards(folder) == before


def test_a_shard_lost_from_a_done_stage_is_noticed(opened: Callable[..., StageFolder]) -> None:
    folder = opened()
    write(folder, Workers())
    folder.finish({})
    assert len(texts(folder)) == 7
    folder.run.shards("respond")[1].unlink()
    with pytest.raises(RunError, match=r"respond: 7 records were written and 5 are there; delete the folder .*respond"):
        texts(folder)


def test_no_items_make_one_empty_shard(opened: Callable[..., StageFolder]) -> None:
    folder, idle = opened(), Workers()
    write(folder, idle, "")
    folder.write_stream(Rollout, [], "streamed")
    folder.finish({})
    state = folder.run.state("respond")
    assert state is not None
    assert state.records == {"records": 0, "streamed": 0}
    assert idle.made == 0


def test_a_stream_is_cut_into_shards(opened: Callable[..., StageFolder]) -> None:
    folder = opened()
    rollouts = [Rollout(step, "p", "helpful", "", 0.0) for step in range(5)]
    assert folder.write_stream(Rollout, iter(rollouts), "streamed", shard_size=2) == 5
    assert [path.name for path in folder.run.shards("respond", "streamed")] == [
        f"streamed-0000{index}.parquet" for index in range(3)
    ]
    assert list(folder.run.read("respond", Rollout, "streamed")) == rollouts


def test_shards_are_read_by_number_and_by_set(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for name in ("a-99999", "a-100000", "a-00002", "a-b-00000", "a-12345-00000", "b-00000", ".a-00001"):
        write_shard(tmp_path / "s" / f"{name}.parquet", Rollout, [], (0, 0))
    (tmp_path / "s" / ".a-00003.parquet.part").write_bytes(b"half")
    names = [path.name for path in Run(tmp_path).shards("s", "a")]
    assert names == ["a-00002.parquet", "a-99999.parquet", "a-100000.parquet"]
    assert Run(tmp_path).sets("s") == ["a", "a-12345", "a-b", "b"]
    assert Run(tmp_path).sets("not begun") == []


def test_leftovers_of_a_removal_are_not_taken_for_work_done(opened: Callable[..., StageFolder]) -> None:
    folder = opened()
    write(folder, Workers())
    (folder.path / "stage.json").unlink()  # a removal that was killed right after its first step
    again, workers = opened(parts={**PARTS, "seed": 1}), Workers()
    assert shards(again) == {}
    write(again, workers)
    assert workers.did == [0, 1, 2, 3]


def test_removing_a_stage_takes_its_models_along(opened: Callable[..., StageFolder]) -> None:
    run = opened().run
    run.model("sl").mkdir(parents=True)
    run.model("pm").mkdir(parents=True)
    run.remove("respond", ["sl", "not there"])
    assert not (run.path / "respond").exists()
    assert [path.name for path in (run.path / "models").iterdir()] == ["pm"]
    run.remove("respond")


def test_what_cannot_be_removed_is_told(opened: Callable[..., StageFolder], tmp_path: Path) -> None:
    run = opened().run
    (tmp_path / "elsewhere").mkdir()
    run.model("sl").parent.mkdir()
    run.model("sl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="cannot be removed"):
        run.remove("respond", ["sl"])
    assert run.state("respond") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"stage": "respond"}', '{"colour": 1}', "\xff"])
def test_a_damaged_state_is_told_with_the_mend(opened: Callable[..., StageFolder], text: str) -> None:
    folder = opened()
    path = folder.path / "stage.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError) as caught:
        opened()
    assert str(caught.value).startswith(f"{path}: damaged (")
    assert f"delete the folder {folder.path} and run again" in str(caught.value)


def test_a_state_of_a_newer_version_is_not_called_damaged(opened: Callable[..., StageFolder]) -> None:
    path = opened().path / "stage.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": 1}))
    with pytest.raises(RunError, match=r"stage\.json: written by a newer version of precepts"):
        opened()


def test_seconds_add_up_over_sessions(opened: Callable[..., StageFolder]) -> None:
    path = opened().path / "stage.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "seconds": 1000.0}))
    opened().finish({})
    found = opened().run.state("respond")
    assert isinstance(found, StageState)
    assert found.seconds >= 1000.0


def test_chunks_are_cut_in_order_with_seeds_of_their_own() -> None:
    chunks = list(chunked("abcde", 2, 0, "respond"))
    assert [(chunk.index, chunk.items) for chunk in chunks] == [(0, ("a", "b")), (1, ("c", "d")), (2, ("e",))]
    assert len({chunk.seed for chunk in chunks}) == 3
    assert [chunk.seed for chunk in chunked("vwxyz", 2, 0, "respond")] == [chunk.seed for chunk in chunks]
    assert [chunk.seed for chunk in chunked("abcde", 2, 1, "respond")] != [chunk.seed for chunk in chunks]
    assert list(chunked("", 2)) == []


def test_a_stages_own_seed_depends_on_the_run(opened: Callable[..., StageFolder]) -> None:
    folder = opened()
    assert folder.stage_seed == opened(name="other").stage_seed
    folder.seed = 1
    assert folder.stage_seed != opened().stage_seed
