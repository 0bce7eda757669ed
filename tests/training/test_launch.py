"""Several processes: the same losses and model as one, progress and errors carried over, nothing left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from precepts.errors import InputError, RunError
from precepts.records import Message, TrainingStep
from precepts.training import launch
from precepts.training.fit import MARK, trainer_arguments
from precepts.training.launch import (
    Example,
    Job,
    launch_command,
    read_job,
    train_preference_model,
    train_sft,
    write_job,
)
from precepts.training.pairs import LabelledPair
from precepts.training.settings import LoraSettings, SupervisedSettings

SIZES = (3, 40, 1, 9, 20, 5, 14, 2, 30, 7)
PAIRS = [
    LabelledPair((Message("user", f"How do I bake {n} loaves?"),), "Mix it. " * size, "No.", 0.7, 1.0 + (n % 2))
    for n, size in enumerate(SIZES)
]


@pytest.fixture
def optim() -> Callable[..., SupervisedSettings]:
    """Settings for the tiny model on a CPU, changed as asked: 10 pairs are 3 batches, the last one of 2."""

    def make(**changed: Any) -> SupervisedSettings:
        small = {"learning_rate": 1e-2, "batch_size": 4, "micro_batch": 1, "epochs": 2.0, "warmup": 0.0}
        here = {"dtype": "float32", "device": "cpu", "checkpoint_steps": None}
        return SupervisedSettings(**(small | here | changed))

    return make


def train(model: Path, work: Path, show: Any, settings: SupervisedSettings) -> Any:
    return train_preference_model(str(model), PAIRS, work / "pm", work, settings, "chat", 5, show)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    return dict(model.named_parameters())


def assert_alike(folder: Path, other: Path) -> None:
    found, wanted = weights(folder), weights(other)
    assert found.keys() == wanted.keys()
    assert all(torch.allclose(found[name], wanted[name], atol=1e-3) for name in wanted)


def test_two_processes_take_the_steps_of_one(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any
) -> None:
    one, tokens = train(tiny_model, tmp_path / "one", show, optim())
    begun, show.log = show.log[0], []
    two, tokens_of_two = train(tiny_model, tmp_path / "two", show, optim(processes=2, checkpoint_steps=4))
    assert [step.step for step in two] == [1, 2, 3, 4, 5, 6]
    assert [step.loss for step in two] == pytest.approx([step.loss for step in one], abs=1e-4)
    assert [step.grad_norm for step in two] == pytest.approx([step.grad_norm for step in one], rel=1e-3)
    assert [step.epoch for step in two] == [step.epoch for step in one]
    assert tokens_of_two == tokens
    assert show.log[0] == begun == (6, 0)
    assert [note.split()[0] for note in show.log[2:]] == ["loss"] * 5
    assert_alike(tmp_path / "two" / "pm", tmp_path / "one" / "pm")
    config = json.loads((tmp_path / "two" / "pm" / "config.json").read_text())
    assert config["precepts"] == {"format": "chat"}
    marked = [path.parent.name for path in (tmp_path / "two" / "checkpoints").glob(f"*/{MARK}")]
    assert sorted(marked) == ["checkpoint-4", "checkpoint-6"]


EXAMPLES = [
    Example((Message("user", f"How do I bake {n} loaves?"),), "Mix flour and water. " * (1 + n % 3), n > 1)
    for n in range(7)
] + [Example("\n\nHuman: Are you kind?\n\nAssistant:", "I try to be.", True, 0.5)]


FSDP = """
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
mixed_precision: 'no'
main_process_port: 0
fsdp_config: {fsdp_version: 2, fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP, fsdp_state_dict_type: FULL_STATE_DICT}
"""  # on a CPU Accelerate reads it and shares out batches, not weights


@pytest.mark.parametrize(
    ("lora", "config", "keep"),
    [(LoraSettings(rank=4, alpha=8), None, 0.5), (LoraSettings(rank=4, alpha=8), FSDP, 0.5), (None, FSDP, 0.0)],
    ids=["lora", "lora, by a file", "whole, by a file"],
)
def test_two_processes_finetune_as_one(
    tiny_model: Path,
    tmp_path: Path,
    optim: Callable[..., SupervisedSettings],
    show: Any,
    lora: LoraSettings | None,
    config: str | None,
    keep: float,
) -> None:
    examples = [each._replace(keep=keep * (n % 3 == 0)) for n, each in enumerate(EXAMPLES[:7] + EXAMPLES[:1])]
    file, found = tmp_path / "accelerate.yaml", {}
    file.write_text(config or "")
    for count in (1, 2):
        work = tmp_path / str(count)
        chosen = {"accelerate_config": str(file)} if config and count == 2 else {}
        settings = optim(processes=count, lora=lora, **chosen)
        found[count] = train_sft(str(tiny_model), examples, work / "sl", work, settings, "chat", 5, show)
    (one, tokens), (two, tokens_of_two) = found[1], found[2]
    assert [step.step for step in two] == [1, 2, 3, 4]
    assert [step.loss for step in two] == pytest.approx([step.loss for step in one], abs=1e-4)
    assert [step.grad_norm for step in two] == pytest.approx([step.grad_norm for step in one], rel=1e-3)
    assert tokens_of_two == tokens
    trained = [AutoModelForCausalLM.from_pretrained(tmp_path / n / "sl", dtype=torch.float32) for n in ("1", "2")]
    for name, weight in trained[0].named_parameters():
        assert torch.allclose(weight, trained[1].get_parameter(name), atol=1e-3), name


class Killed(Exception):
    pass


class Dies:
    """Progress that dies as the third step ends."""

    def __init__(self) -> None:
        self.steps = 0

    @contextmanager
    def __call__(self, total: int, done: int) -> Iterator[Dies]:
        yield self

    def advance(self, units: int = 1, note: str = "") -> None:
        self.steps += units
        if self.steps == 3:
            raise Killed


def test_two_processes_go_on_where_one_was_stopped(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any
) -> None:
    settings = optim(lora=None, checkpoint_steps=1)
    whole, tokens = train(tiny_model, tmp_path / "whole", show, settings)
    with pytest.raises(Killed):
        train(tiny_model, tmp_path / "broken", Dies(), settings)
    show.log = []
    resumed, tokens_of_resumed = train(
        tiny_model, tmp_path / "broken", show, optim(lora=None, checkpoint_steps=1, processes=2)
    )
    assert show.log[0] == (6, 2)
    assert [step.loss for step in resumed] == pytest.approx([step.loss for step in whole], abs=1e-4)
    assert tokens_of_resumed == tokens
    assert_alike(tmp_path / "broken" / "pm", tmp_path / "whole" / "pm")


def test_a_job_reads_as_it_was_written(tmp_path: Path, optim: Callable[..., SupervisedSettings]) -> None:
    class Wider(SupervisedSettings):
        labels: str = "soft"

    settings = Wider(**optim(processes=2).model_dump())
    for what, rows in (("preference_model", PAIRS), ("sft", EXAMPLES)):
        job = Job(what, "some/model", rows, tmp_path / "pm", tmp_path, settings, "raw", 2**62)  # type: ignore[arg-type]
        write_job(tmp_path / what, job)
        assert read_job(tmp_path / what) == replace(job, optim=optim(processes=2))


def test_how_processes_are_started(optim: Callable[..., SupervisedSettings]) -> None:
    plain = launch_command(Path("job"), optim(processes=4))
    assert plain[:5] == [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "4"]
    assert plain[-3:] == ["-m", "precepts.training.job", "job"]
    assert "--multi_gpu" in plain
    told = launch_command(Path("job"), optim(processes=4, accelerate_config="a.yaml"))
    assert told[5:-3] == ["--config_file", "a.yaml"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"processes": 3}, "batch_size 4 is not a multiple of 3 processes"),
        ({"processes": 2, "batch_size": 12, "micro_batch": 4}, "12 / 2 processes is not a multiple of micro_batch 4"),
        ({"accelerate_config": "a.yaml"}, "set processes"),
    ],
)
def test_processes_that_do_not_fit_are_refused(
    optim: Callable[..., SupervisedSettings], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        optim(**changed)


def test_a_launcher_with_other_processes_is_refused(
    optim: Callable[..., SupervisedSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="batch_size 4 is not a multiple of 3 processes"):
        trainer_arguments(optim(), Path("work"), 1, "cpu", False, processes=3)
    arguments = trainer_arguments(optim(micro_batch=2), Path("work"), 1, "cpu", False, processes=2)
    assert (arguments["per_device_train_batch_size"], arguments["gradient_accumulation_steps"]) == (2, 1)


def running(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `script` stand for what the launcher starts."""
    path = tmp_path / "process.py"
    path.write_text(f"import json, os, pathlib, sys, time\n{script}")
    monkeypatch.setattr(launch, "launch_command", lambda folder, optim: [sys.executable, str(path), str(folder)])


TELLING = """
pathlib.Path(__file__).with_name("pid").write_text(str(os.getpid()))
print("a library's line")
print(json.dumps({"precepts": "begin", "total": 3, "done": 1}), flush=True)
print(json.dumps({"precepts": "step", "note": "loss 0.5"}), flush=True)
"""


def test_progress_and_the_result_come_back(
    tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = TrainingStep(1, 0.5, 0.7, 1e-3, None, None, None, None)
    ending = "from precepts.training.launch import write_result; from precepts.records import TrainingStep\n"
    ending += f"write_result(pathlib.Path(sys.argv[1]), [{step!r}], 42)"
    running(TELLING + ending, tmp_path, monkeypatch)
    assert train(tmp_path, tmp_path, show, optim(processes=2)) == ([step], 42)
    assert show.log == [(3, 1), "loss 0.5"]
    assert show.closed == 1


@pytest.mark.parametrize(
    ("ending", "error", "message"),
    [
        ("sys.exit('first\\nlast')", RunError, r"status 1.*\n  first\n  last"),
        ("1 / 0", RunError, "ZeroDivisionError"),
        ("print(json.dumps({'precepts': 'refused', 'message': 'no such model'})); sys.exit(2)", InputError, "no such"),
        ("", RunError, "ended without a result"),
    ],
)
def test_what_goes_wrong_is_told(
    tmp_path: Path,
    optim: Callable[..., SupervisedSettings],
    show: Any,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    error: type[Exception],
    message: str,
) -> None:
    running(TELLING + ending, tmp_path, monkeypatch)
    with pytest.raises(error, match=message):
        train(tmp_path, tmp_path, show, optim(processes=2))
    assert show.closed == 1
    assert not (tmp_path / "pm").exists()


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGINT interrupts while it lasts: a shell has it ignored in what it runs in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_an_interrupt_ends_the_processes(
    tmp_path: Path, optim: Callable[..., SupervisedSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def interrupted(total: int, done: int) -> Iterator[Any]:
        yield SimpleNamespace(advance=lambda units, note: os.kill(os.getpid(), signal.SIGINT))

    running(TELLING + "time.sleep(60)", tmp_path, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, tmp_path, interrupted, optim(processes=2))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_process_that_nobody_listens_to_ends() -> None:
    script = "from precepts.training.job import _telling\nwith _telling(1, 0) as task:\n    input(); task.advance()"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert json.loads(process.stdout.readline()) == {"precepts": "begin", "total": 1, "done": 0}
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.wait() != 0


def test_a_configuration_file_that_is_not_there(
    tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any
) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        train(tmp_path, tmp_path, show, optim(processes=2, accelerate_config=str(tmp_path / "none.yaml")))
