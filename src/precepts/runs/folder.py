"""The run folder: one folder a run, one folder a stage, nothing hidden in memory.

    RUN/recipe.yaml               the resolved recipe
    RUN/STAGE/stage.json          fingerprint and its parts, state, counts, tokens, seconds
    RUN/STAGE/SET-00000.parquet   records, one shard a chunk
    RUN/STAGE/scratch/            checkpoints, gone when the stage is done
    RUN/models/NAME/              trained models in Hugging Face format
    RUN/report.html               the report

1. A stage's fingerprint (`fingerprint.py`) names all that its records depend on: a stage that is done with the same one
   is not run again, one that is partial goes on at the first chunk without a shard.
2. Nothing is trusted to be whole but what was renamed into place; a stage is done when its stage.json says so, and
   that is written last.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from precepts.errors import RunError
from precepts.identity import seed_from
from precepts.runs.budget import Meter
from precepts.runs.fingerprint import Parts, fingerprint
from precepts.runs.progress import Progress, Task
from precepts.runs.shards import read_shard, shard_size, write_shard, write_whole
from precepts.runs.work import Executor, WorkerFactory, chunked

R = TypeVar("R")
SCRATCH = "scratch"
_SHARDS = "-[0-9][0-9][0-9][0-9][0-9]*.parquet"


@dataclass
class StageState:
    """What stage.json holds. `progress` is (done, total, unit) of the work in hand; `shared_from` names the run that
    did the work where it was another (see sharing.py), whose tokens and seconds these are. `models` are those that it
    wrote beside the ones that its name stands for; `stopped` says why a rule ended its training, "" where none did."""

    stage: str
    fingerprint: str
    parts: Parts
    done: bool = False
    progress: dict[str, Any] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    shared_from: str = ""
    models: list[str] = field(default_factory=list)
    stopped: str = ""


class Run:
    """A run folder, read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def state(self, stage: str) -> StageState | None:
        """The stage's state, None where it has not begun. Raises RunError where stage.json is damaged."""
        path = self.path / stage / "stage.json"
        try:
            told = json.loads(path.read_text("utf-8"))
            if isinstance(told, dict) and "parts" in told and told.keys() - StageState.__dataclass_fields__.keys():
                raise RunError(f"{path}: written by a newer version of precepts; use that, or another run")
            return StageState(**told)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise RunError(f"{path}: damaged ({error}); delete the folder {path.parent} and run again") from None

    def shards(self, stage: str, set_name: str = "records") -> list[Path]:
        """The shards of one set of a stage's records, in order."""
        found = [path for path in (self.path / stage).glob(set_name + _SHARDS) if _set_of(path) == set_name]
        return sorted(found, key=lambda path: (len(path.name), path.name))  # number 100000 comes after 99999

    def sets(self, stage: str) -> list[str]:
        """The names of a stage's sets of records."""
        return sorted({_set_of(path) for path in (self.path / stage).glob("[!.]*" + _SHARDS)})

    def has_records(self, stage: str) -> bool:
        """Whether a stage has come so far that beginning anew loses work: it is done, or has a shard or a step done."""
        state = self.state(stage)
        if state is None:
            return False
        return state.done or state.progress.get("done", 0) > 0 or any((self.path / stage).glob("*.parquet"))

    def read(self, stage: str, record_class: type[R], set_name: str = "records") -> Iterator[R]:
        """The records of one set of a stage, streamed in order. Raises RunError where a done stage has lost some."""
        state, seen = self.state(stage), 0
        for path in self.shards(stage, set_name):
            for record in read_shard(path, record_class):
                seen += 1
                yield record
        written = state.records.get(set_name, seen) if state and state.done else seen
        if seen != written:
            place = self.path / stage
            mend = f"delete the folder {place} and run the same command: the stage is done again"
            raise RunError(f"{place}: {written} {set_name} were written and {seen} are there; {mend}")

    def count(self, stage: str, set_name: str = "records") -> int:
        """How many records a set has, from the shards' footers."""
        return sum(shard_size(path)[0] for path in self.shards(stage, set_name))

    def spent(self, stage: str) -> tuple[int, int, float]:
        """Tokens in, tokens out and seconds that this run itself has put into a stage so far, done or not."""
        state = self.state(stage)
        if state is None or state.shared_from:
            return 0, 0, 0.0
        if state.done:
            return state.tokens_in, state.tokens_out, state.seconds
        sizes = [shard_size(path) for path in (self.path / stage).glob("*" + _SHARDS)]
        return sum(size[1] for size in sizes), sum(size[2] for size in sizes), state.seconds

    def model(self, name: str) -> Path:
        """The folder of a trained model: an absolute path, since a worker elsewhere may load it."""
        return self.path.absolute() / "models" / name

    def models(self, patterns: Iterable[str]) -> list[str]:
        """The names of the trained models that are there and match one of `patterns` (`rl`, `rl-[0-9]*`)."""
        return sorted({path.name for each in patterns for path in (self.path / "models").glob(each)})

    def remove(self, stage: str, models: Iterable[str] = ()) -> None:
        """Forget a stage: its state first, then its records and models (names or patterns). Raises RunError where
        something stays."""
        try:
            (self.path / stage / "stage.json").unlink(missing_ok=True)
            for path in (self.path / stage, *(self.model(name) for name in self.models(models))):
                if path.exists():
                    shutil.rmtree(path)
        except OSError as error:
            raise RunError(f"{error.filename or self.path}: cannot be removed ({error.strerror or error})") from None


class StageFolder:
    """One stage at work: what it reads, where it writes, how far it is. Made by `open_stage`."""

    def __init__(
        self,
        run: Run,
        state: StageState,
        title: str,
        seed: int,
        executor: Executor,
        progress: Progress,
        meter: Meter | None = None,
    ) -> None:
        self.run, self.name, self.title, self.seed = run, state.stage, title, seed
        self.executor, self.progress, self.meter = executor, progress, meter
        self._state = state
        self._seconds_before, self._began = state.seconds, time.monotonic()
        self._unmetered = (0, 0)  # tokens in and out of the chunk that has just been written

    @property
    def path(self) -> Path:
        """The stage's own folder."""
        return self.run.path / self.name

    @property
    def scratch(self) -> Path:
        """A folder for what helps to resume and is of no use when the stage is done (checkpoints)."""
        return self.path / SCRATCH

    @property
    def stage_seed(self) -> int:
        """The root of the random choices of a stage that is no matter of chunks, as training is."""
        return seed_from(self.seed, self.name)

    def save(self) -> None:
        """Write stage.json."""
        self._state.seconds = round(self._seconds_before + time.monotonic() - self._began, 3)
        write_whole(self.path / "stage.json", json.dumps(vars(self._state), indent=1).encode())

    @contextmanager
    def task(self, what: str, total: int, done: int = 0, unit: str = "chunks") -> Iterator[Task]:
        """Show progress, and keep it in stage.json."""
        self._state.progress = {"done": done, "total": total, "unit": unit}
        self.save()
        with self.progress.task(f"{self.title} {what}".rstrip(), total, done, unit) as shown:
            yield _SavedTask(shown, self)

    def advanced(self, units: int) -> None:
        """Note `units` more done in stage.json. Raises RunError where the next goes beyond the run's budget."""
        progress, tokens = self._state.progress, self._unmetered
        progress["done"] += units
        self._unmetered = (0, 0)
        self.save()
        if self.meter:
            self.meter.unit(*tokens, last=progress["done"] >= progress["total"])

    def say(self, text: str) -> None:
        """Tell the user something that should not wait for the report."""
        self.progress.say(f"{self.title}: {text}")

    def write_chunks(
        self,
        record_class: type[Any],
        items: Iterable[Any],
        total: int,
        chunk_size: int,
        make_worker: WorkerFactory,
        set_name: str = "records",
    ) -> None:
        """Turn `items` (of which there are `total`) into shards, chunk by chunk; those with a shard are passed over."""
        todo = -(-total // chunk_size)
        done = len(self.run.shards(self.name, set_name))
        chunks = chunked(items, chunk_size, self.seed, self.name, set_name)
        missing = (chunk for chunk in chunks if not self._shard(set_name, chunk.index).exists())
        what = "" if set_name == "records" else set_name
        with self.task(what, todo, done) as task:
            if done < todo:
                for chunk, result in self.executor.map(make_worker, missing):
                    tokens = (result.tokens_in, result.tokens_out)
                    write_shard(self._shard(set_name, chunk.index), record_class, result.records, tokens)
                    self._unmetered = tokens
                    task.advance()
        if todo == 0:
            self.write_records(record_class, [], set_name=set_name)

    def write_stream(
        self,
        record_class: type[Any],
        records: Iterable[Any],
        set_name: str = "records",
        shard_size: int = 8192,
    ) -> int:
        """Write records as they come, shard by shard, from the first; returns how many there were."""
        written = 0
        for chunk in chunked(records, shard_size):
            write_shard(self._shard(set_name, chunk.index), record_class, chunk.items, (0, 0))
            written += len(chunk.items)
        if not written:
            self.write_records(record_class, [], set_name=set_name)
        return written

    def write_records(
        self,
        record_class: type[Any],
        records: Iterable[Any],
        tokens: tuple[int, int] = (0, 0),
        set_name: str = "records",
        index: int = 0,
    ) -> None:
        """Write records that are all at hand as one shard, number `index` of its set."""
        write_shard(self._shard(set_name, index), record_class, list(records), tokens)

    def finish(self, counts: dict[str, int], models: Sequence[str] = (), stopped: str = "") -> None:
        """Mark the stage done, with its counts, the further `models` it wrote and why a rule `stopped` it; tokens and
        records are summed from the shards' footers."""
        self._state.records, self._state.tokens_in, self._state.tokens_out = {}, 0, 0
        for path in sorted(self.path.glob("*" + _SHARDS)):
            set_name = _set_of(path)
            records, tokens_in, tokens_out = shard_size(path)
            self._state.records[set_name] = self._state.records.get(set_name, 0) + records
            self._state.tokens_in += tokens_in
            self._state.tokens_out += tokens_out
        self._state.counts, self._state.models, self._state.stopped = counts, list(models), stopped
        self._state.done = True
        self.save()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _shard(self, set_name: str, index: int) -> Path:
        return self.path / f"{set_name}-{index:05}.parquet"


def _set_of(shard: Path) -> str:
    return shard.stem.rpartition("-")[0]


class _SavedTask:
    def __init__(self, shown: Task, folder: StageFolder) -> None:
        self.shown, self.folder = shown, folder

    def advance(self, units: int = 1, note: str = "") -> None:
        self.shown.advance(units, note)
        self.folder.advanced(units)


def open_stage(
    run: Run,
    stage: str,
    parts: Parts,
    title: str,
    seed: int,
    executor: Executor,
    progress: Progress,
    meter: Meter | None = None,
) -> StageFolder:
    """Begin a stage, or go on with it where it stopped. Its parts must be those it began with. `meter` holds it to the
    run's budget."""
    state = run.state(stage)
    if state is None:
        run.remove(stage)  # what a removal that was cut short may have left
        state = StageState(stage, fingerprint(parts), parts)
    (run.path / stage).mkdir(parents=True, exist_ok=True)
    folder = StageFolder(run, state, title, seed, executor, progress, meter)
    folder.save()
    return folder
