"""What Precepts itself costs at the paper's scale: prompts, respond and revise with an engine that answers at once.

1. Prompts are words drawn from a fixed vocabulary with a seed, written to a JSON Lines file: no two are alike.
2. The whole method's first stages run as `precepts run --until revise` runs them, with the scripted engine: 4 rounds,
   4 few-shot rounds before each item, chunks of 64, every record kept with the exact prompts sent.
3. Each size runs in a process of its own. Printed: seconds, microseconds a round, the most memory that the process
   held, and how a tenth of the prompts compares.

    python benchmarks/overhead.py --prompts 182831
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from precepts.method import execute
from precepts.recipe import load_recipe
from precepts.runs.folder import Run
from precepts.runs.progress import Progress
from precepts.settings import to_yaml

SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta")
STAGES = ("prompts", "respond", "revise")
SCRIPT = {
    "generate": [
        {"contains": "Rewrite", "replies": ["I would rather not help with that, because it could hurt somebody."] * 2},
        {
            "replies": [
                "Here is how that is done: first one thing, then another.",
                "It could hurt someone who reads it.",
            ]
        },
    ]
}


def main() -> None:
    """Run both sizes and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prompts", type=int, default=182_831)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--folder", type=Path, default=None, help="where the runs go (default: a temporary folder)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.folder, options.prompts, options.rounds)))
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="overhead-"))
    try:
        sizes = (options.prompts // 10, options.prompts)
        small, large = (_in_a_process(folder / str(count), count, options.rounds) for count in sizes)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    print(
        f"ten times the prompts: {large['seconds'] / small['seconds']:.2f} times the time, "
        f"{large['peak'] / small['peak']:.2f} times the memory"
    )


def _in_a_process(folder: Path, count: int, rounds: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", "--folder", str(folder)]
    command += ["--prompts", str(count), "--rounds", str(rounds)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    stages = ", ".join(f"{name} {found[name]:.1f}" for name in STAGES)
    print(
        f"{count} prompts, {rounds} rounds: {found['seconds']:.1f} s ({stages}), "
        f"{1e6 * found['seconds'] / count / rounds:.0f} us a round, peak {found['peak'] / 2**20:.0f} MiB, "
        f"{found['disk'] / 2**20:.0f} MiB on disk",
        flush=True,
    )
    return found


def measure(folder: Path, count: int, rounds: int) -> dict[str, float]:
    """Run the stages for `count` prompts: seconds in all and by stage, peak and disk in bytes."""
    folder.mkdir(parents=True)
    recipe = load_recipe(str(write_recipe(folder, count, rounds)))
    run = Run(folder / "run")
    run.path.mkdir()
    began = time.perf_counter()
    execute(recipe, run, Progress(quiet=True), until="revise")
    seconds = time.perf_counter() - began
    states = {name: run.state(name) for name in STAGES}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    disk = sum(path.stat().st_size for path in run.path.rglob("*.parquet"))
    return {"seconds": seconds, "peak": peak, "disk": disk} | {n: s.seconds for n, s in states.items() if s}


def write_recipe(folder: Path, count: int, rounds: int) -> Path:
    """Write prompts, script and recipe; returns the recipe's path."""
    draw = random.Random(0)
    words = [draw.choice(SYLLABLES) + draw.choice(SYLLABLES) + draw.choice(SYLLABLES) for _ in range(4000)]
    with (folder / "prompts.jsonl").open("w") as file:
        for number in range(count):
            text = " ".join(draw.choices(words, k=draw.randint(6, 40)))
            file.write(json.dumps({"prompt": f"How do I {text} {number}?"}) + "\n")
    (folder / "script.yaml").write_text(to_yaml(SCRIPT))
    recipe = {
        "models": {"start": "scripted/instant"},
        "engine": {"kind": "scripted", "script": "script.yaml"},
        "prompts": {"red_team": ["prompts.jsonl"], "helpful": [], "safe_sounding": [], "held_out": 0.0},
        "preferences": {"helpful": []},
        "revise": {"rounds": rounds},
    }
    (folder / "recipe.yaml").write_text(to_yaml(recipe))
    return folder / "recipe.yaml"


if __name__ == "__main__":
    main()
