"""`kill -9` at random moments, then the same command again: the same records as a run that was never killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from small import command, contents, small_recipe

from precepts.method import STAGES

KILLS = 6
SEED = int(os.environ.get("PRECEPTS_KILL_SEED", "0"))


def run_and_kill(arguments: list[str], run: Path, stage: str, delay: float) -> bool:
    """Start the run, wait until `stage` has begun and `delay` seconds more, kill it; False if it ended before."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (run / stage).exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(delay)
    killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return killed


def test_killed_runs_end_with_the_same_records(tmp_path: Path, tiny_model: Path) -> None:
    recipe = small_recipe(tmp_path, tiny_model)
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    subprocess.run(command(recipe, undisturbed), check=True, capture_output=True)
    chance = random.Random(SEED)
    moments = sorted(chance.sample(range(1, len(STAGES)), KILLS))
    killed = [
        run_and_kill(command(recipe, disturbed), disturbed, STAGES[moment], chance.uniform(0, 0.6))
        for moment in moments
    ]
    assert any(killed)
    subprocess.run(command(recipe, disturbed), check=True, capture_output=True)
    assert contents(disturbed) == contents(undisturbed), f"PRECEPTS_KILL_SEED={SEED}"
