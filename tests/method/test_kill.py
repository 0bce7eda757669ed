"""`kill -9` in the middle of things, then the same command again: the same records as a run that was never killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from small import command, contents, precepts, small_recipe

KILLS = 12
SEED = int(os.environ.get("PRECEPTS_KILL_SEED", "0"))
DRIVER = Path(__file__).with_name("kill_at.py")


def drive(run: Path, moments: Sequence[str], *arguments: str, libraries: str = "all") -> list[str]:
    """Start `precepts run ARGUMENTS --run RUN` once for each moment, and once more to its end (see kill_at.py);
    returns, for each start, how many calls it made, or `killed`."""
    log = run.with_name(f"{run.name}.log")
    driver = [sys.executable, str(DRIVER), str(log), str(run), libraries, *moments, "--"]
    whole = [*driver, "run", *arguments, "--run", str(run)]
    done = subprocess.run(whole, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return log.read_text().split()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The whole method on the tiny model, with a checkpoint at every step."""
    return small_recipe(tmp_path_factory.mktemp("recipe"), tiny_model)


@pytest.fixture(scope="module")
def undisturbed(recipe: Path) -> tuple[Path, int]:
    """A run that was never killed, and the number of calls it made."""
    run = recipe.parent / "undisturbed"
    return run, int(drive(run, [], str(recipe))[-1])


def test_killed_at_calls_that_change_the_folder(recipe: Path, undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    whole, calls = undisturbed
    chance = random.Random(SEED)
    places = [round((number + chance.random()) * calls / KILLS) for number in range(KILLS)]  # one in each stretch
    gaps = [max(1, place - before) for before, place in zip([0, *places], places, strict=False)]
    moments = [f"{gap}:{chance.choice(['before', 'after'])}" for gap in gaps]
    ends = drive(tmp_path / "run", moments, str(recipe))
    assert ends.count("killed") >= KILLS - 1, (moments, ends)
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
    assert contents(tmp_path / "run") == contents(whole), moments


def there(run: Path, sign: str) -> bool:
    """Whether a path that matches is in the run."""
    with suppress(FileNotFoundError):  # a folder that went while it was looked through
        return any(run.glob(sign))
    return False


def run_and_kill(arguments: list[str], run: Path, sign: str, delay: float) -> bool:
    """Start the run, wait until `sign` is there and `delay` seconds more, kill it; False if it ended before."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not there(run, sign) and process.poll() is None:
        time.sleep(0.002)
    time.sleep(delay)
    killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return killed


def test_killed_at_any_moment(recipe: Path, undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    run, chance = tmp_path / "run", random.Random(SEED)
    moments = [(sign, chance.uniform(0, 0.3)) for sign in ("sl/**/checkpoint-*", "rl/**/checkpoint-*")]
    killed = [run_and_kill(command(recipe, run), run, *moment) for moment in moments]
    assert any(killed), moments
    subprocess.run(command(recipe, run), check=True, capture_output=True)
    assert contents(run) == contents(undisturbed[0]), moments


@pytest.mark.parametrize("change", [["--from", "respond"], ["--set", "revise.rounds=1"]])
def test_killed_while_redoing(change: list[str], tmp_path: Path, tiny_model: Path) -> None:
    recipe = small_recipe(tmp_path, tiny_model, scripted=True)
    whole, run = tmp_path / "whole", tmp_path / "run"
    for folder in (whole, run):
        done = precepts("run", str(recipe), "--run", str(folder), "--until", "revise")
        assert done.returncode == 0, done.stderr
    redo = [str(recipe), "--until", "revise", "--redo", *change]
    calls = int(drive(whole, [], *redo, libraries="nothing")[-1])
    chance = random.Random(SEED)
    moments = [f"{chance.randint(3, calls // 4)}:{chance.choice(['before', 'after'])}" for _ in range(5)]
    ends = drive(run, moments, *redo, libraries="nothing")
    assert ends.count("killed") >= 2, (moments, ends)
    assert (run / "report.html").exists()
    assert contents(run) == contents(whole), moments
