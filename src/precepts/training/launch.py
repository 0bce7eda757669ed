"""Where a model is trained on given texts: in this process, or in several that `accelerate launch` starts.

1. For one process the training is called. For more, its rows (Parquet) and the settings (JSON) are written into the
   training's work folder, and `training.job` reads them there, once a process. Checkpoints lie where they would lie
   without a launcher, so a training that was stopped goes on, with any number of processes.
2. The first process tells its progress in lines of JSON on its standard output; here they become the task's advances.
   Everything else that is said goes to a file, whose last lines are shown when the training fails.
3. Nothing goes on alone: whatever interrupts this process stops the others, and where this one is killed outright, the
   first process fails at the next line that it cannot tell.
How it departs from the paper: it trains on accelerators side by side too; how many there are changes rounding alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from precepts.errors import InputError, RunError
from precepts.prompts.formats import Format, Rendered
from precepts.records import Messages, TrainingStep
from precepts.runs.progress import Task
from precepts.runs.shards import read_shard, write_shard, write_whole
from precepts.training.pairs import LabelledPair
from precepts.training.settings import SupervisedSettings

Show = Callable[[int, int], AbstractContextManager[Task]]  # (steps in all, steps done) -> progress
TOLD = "precepts"  # the key that makes a line of the first process ours
_LAST_LINES = 12
_PATIENCE = 40  # seconds for the launcher to end its processes, which it gives 30 of its own


class Example(NamedTuple):
    """What to learn: a conversation, or raw text that is ready to be gone on with, and the text that follows; whether
    that is `whole`, or was cut; and, above 0, with what weight the model's own distribution there is kept in place of
    learning the text (`keeping.py`)."""

    prompt: Rendered
    text: str
    whole: bool = True
    keep: float = 0.0


@dataclass(frozen=True)
class _Taught:
    """An Example as columns; `raw` stands in place of a conversation."""

    raw: str | None
    messages: Messages
    text: str
    whole: bool
    keep: float


@dataclass(frozen=True)
class Job:
    """What a process is to train: which training, and its arguments less `show`. `rows` are LabelledPairs for a
    preference model, Examples for finetuning."""

    what: Literal["preference_model", "sft"]
    model: str
    rows: Sequence[Any]
    target: Path
    work: Path
    optim: SupervisedSettings
    style: Format
    seed: int


def train_preference_model(
    model: str,
    pairs: Sequence[LabelledPair],
    target: Path,
    work: Path,
    optim: SupervisedSettings,
    style: Format,
    seed: int,
    show: Show,
) -> tuple[list[TrainingStep], int]:
    """`preference_model.train_preference_model` in `optim.processes` processes. Raises as `train` does."""
    return train(Job("preference_model", model, pairs, target, work, optim, style, seed), show)


def train_sft(
    model: str,
    examples: Sequence[Example],
    target: Path,
    work: Path,
    optim: SupervisedSettings,
    style: Format,
    seed: int,
    show: Show,
) -> tuple[list[TrainingStep], int]:
    """`sft.train_sft` in `optim.processes` processes. Raises as `train` does."""
    return train(Job("sft", model, examples, target, work, optim, style, seed), show)


def train(job: Job, show: Show) -> tuple[list[TrainingStep], int]:
    """Train, in as many processes as the job's settings say; the logged steps and the tokens trained on.

    Raises InputError as the training itself does (a configuration file that is not there included), RunError where the
    processes end without having trained.
    """
    optim = job.optim
    if optim.processes == 1:
        return train_here(job, show)
    if optim.accelerate_config is not None and not Path(optim.accelerate_config).is_file():
        raise InputError(f"accelerate_config {optim.accelerate_config}: there is no such file")
    folder = job.work / "job"
    write_job(folder, job)
    _run(launch_command(folder, optim), folder / "stderr.txt", show)
    return read_result(folder)


def train_here(job: Job, show: Show) -> tuple[list[TrainingStep], int]:
    """Train in this process, which may be one of several that were started for it."""
    given = (job.model, job.rows, job.target, job.work, job.optim, job.style, job.seed, show)
    if job.what == "sft":
        from precepts.training.sft import train_sft

        return train_sft(*given)
    from precepts.training.preference_model import train_preference_model

    return train_preference_model(*given)


def launch_command(folder: Path, optim: SupervisedSettings) -> list[str]:
    """What starts the processes. Without a configuration file nothing is left to this machine's own defaults."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(optim.processes)]
    if optim.accelerate_config is not None:
        chosen = ["--config_file", optim.accelerate_config]
    else:
        threads = max(1, (os.cpu_count() or 1) // optim.processes)
        chosen = ["--multi_gpu", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
        chosen += ["--main_process_port", "0", "--num_cpu_threads_per_process", str(threads)]
    return [*launcher, *chosen, "-m", "precepts.training.job", str(folder)]


def write_job(folder: Path, job: Job) -> None:
    """Write a job for other processes to read; an older one's result is forgotten."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").unlink(missing_ok=True)
    if job.what == "sft":
        write_shard(folder / "rows.parquet", _Taught, [_as_columns(row) for row in job.rows], (0, 0))
    else:
        write_shard(folder / "rows.parquet", LabelledPair, job.rows, (0, 0))
    told = {
        "what": job.what,
        "model": job.model,
        "target": str(job.target.absolute()),
        "work": str(job.work.absolute()),
        "optim": job.optim.model_dump(mode="json", include=set(SupervisedSettings.model_fields)),
        "style": job.style,
        "seed": job.seed,
    }
    write_whole(folder / "job.json", json.dumps(told).encode())


def read_job(folder: Path) -> Job:
    """What `write_job` wrote."""
    told = json.loads((folder / "job.json").read_text("utf-8"))
    paths = {name: Path(told[name]) for name in ("target", "work")}
    if told["what"] == "sft":
        taught = read_shard(folder / "rows.parquet", _Taught)
        rows: list[Any] = [
            Example(each.messages if each.raw is None else each.raw, each.text, each.whole, each.keep)
            for each in taught
        ]
    else:
        rows = list(read_shard(folder / "rows.parquet", LabelledPair))
    return Job(**{**told, **paths, "optim": SupervisedSettings.model_validate(told["optim"]), "rows": rows})


def _as_columns(each: Example) -> _Taught:
    raw, messages = (each.prompt, ()) if isinstance(each.prompt, str) else (None, each.prompt)
    return _Taught(raw, messages, each.text, each.whole, each.keep)


def write_result(folder: Path, steps: Sequence[TrainingStep], tokens: int) -> None:
    """Keep what a job's training returned."""
    result = {"steps": [asdict(step) for step in steps], "tokens": tokens}
    write_whole(folder / "result.json", json.dumps(result).encode())


def read_result(folder: Path) -> tuple[list[TrainingStep], int]:
    """What `write_result` wrote. Raises RunError where the job ended without."""
    try:
        result = json.loads((folder / "result.json").read_text("utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder}: the training's processes ended without a result") from None
    return [TrainingStep(**step) for step in result["steps"]], int(result["tokens"])


def _run(command: list[str], said: Path, show: Show) -> None:
    with said.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink, text=True, start_new_session=True
        )
        try:
            assert process.stdout is not None
            refused = _follow(process.stdout, show)
            status = process.wait()
        finally:
            _stop(process)
    if refused is not None:
        raise InputError(refused)
    if status:
        raise RunError(f"the training's processes failed (status {status}):\n{_last_lines(said)}")


def _follow(lines: Iterable[str], show: Show) -> str | None:
    """Show what the first process tells, until it tells no more; what it could not use, where it says so."""
    task, refused = None, None
    with ExitStack() as opened:
        for line in lines:
            told = _told(line)
            if told.get(TOLD) == "begin":
                task = opened.enter_context(show(told["total"], told["done"]))
            elif told.get(TOLD) == "step" and task:
                task.advance(1, told["note"])
            elif told.get(TOLD) == "refused":
                refused = str(told["message"])
    return refused


def _told(line: str) -> dict[str, Any]:
    """A line as a message; empty where something else was printed."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _stop(process: subprocess.Popen[str]) -> None:
    """End the launcher, which ends its processes, where it has not ended itself."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_lines(said: Path) -> str:
    """The end of what was said, without the launcher's own account of the failure where there is more to see."""
    lines = [line for line in said.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    errors = [n for n, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    own = lines[: errors[-1]] if len(errors) > 1 else lines
    return "\n".join(f"  {line}" for line in own[-_LAST_LINES:])
