"""How every command ends: its exit status, and what is told."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from small import command, precepts, small_recipe

from precepts.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["run"], "Missing argument 'recipe'"),
        (["run", "demo"], "Missing option '--run'"),
        (["run", "demo", "--bogus"], "No such option: --bogus"),
        (["status"], "Missing argument"),
    ],
)
def test_what_cannot_be_used_on_the_command_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = precepts(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr and "Usage: " in done.stderr and "--help" in done.stderr
    assert "should not have happened" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--help"], "Usage: "), (["run", "--help"], "--redo"), (["--version"], "precepts "), (["recipe"], "demo")],
)
def test_what_asks_for_words(arguments: list[str], said: str) -> None:
    done = precepts(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout


def test_no_arguments_show_the_help() -> None:
    done = precepts()
    assert "Usage: " in done.stdout + done.stderr and "Commands:" in done.stdout + done.stderr
    assert "rror:" not in done.stderr


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job would start with Ctrl-C ignored


def test_ctrl_c_in_the_middle_of_a_run(tmp_path: Path, tiny_model: Path) -> None:
    recipe, run = small_recipe(tmp_path, tiny_model), tmp_path / "run"
    process = subprocess.Popen(
        command(recipe, run, "--quiet"), stdout=-1, stderr=-1, text=True, preexec_fn=heed_interrupts
    )
    while not (run / "respond" / "records-00000.parquet").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "stopped; what is finished is kept" in told and "Traceback" not in told


def crash(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command whose work divides by zero; returns its exit status."""

    def divide(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("precepts.cli.run.run_command", divide)
    monkeypatch.setattr("sys.argv", ["precepts", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(("is_a_run", "log"), [(True, "run/crash.log"), (False, "precepts-crash.log")])
def test_a_crash_is_one_line_and_a_file_beside_the_work(
    is_a_run: bool, log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    if is_a_run:
        (tmp_path / "run" / "recipe.yaml").touch()
    assert crash(["run", "demo", "--run", "run"], monkeypatch) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"ZeroDivisionError: division by zero (details in {log})" in told
    assert "Traceback" in (tmp_path / log).read_text()
    assert len(list(tmp_path.rglob("*.log"))) == 1
