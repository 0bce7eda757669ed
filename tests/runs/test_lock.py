"""The lock: one writer to a run folder, and none left behind by a run that was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from precepts.errors import InputError
from precepts.runs.lock import locked

HOLD = """
import sys
from pathlib import Path
from precepts.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_second_process_is_told_who_holds_the_run(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(InputError) as caught, locked(tmp_path):
            pytest.fail("two processes hold one run")
        assert str(caught.value).startswith(f"{tmp_path}: this run is in use by process {process.pid} on ")
        assert "choose another --run folder" in str(caught.value)
        process.communicate()
    with locked(tmp_path):
        pass


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with locked(tmp_path):
            pass


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path), pytest.raises(InputError, match="in use by process"), locked(tmp_path):
        pytest.fail("one process holds one run twice")
