"""Rebuild the critic's adapter that ships with Precepts: python examples/ship_critic.py [RUN]

The warm-up of the recipe `smollm2` is run (in RUN, default runs/critic), and its adapter is put into the package in
half precision, beside it the settings that made it and the hashes of what was written. The same recipe gives the same
lessons everywhere; weights agree up to the rounding of the hardware that trains.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

NAME = "smollm2-135m-critic"
TARGET = Path(__file__).parents[1] / "src" / "precepts" / "training" / "adapters" / NAME


def main(run: Path) -> None:
    """Train where that is not done, and put the adapter into the package."""
    subprocess.run([sys.executable, "-m", "precepts", "run", "smollm2", "--run", run, "--until", "warm_up"], check=True)
    ship(run)


def ship(run: Path) -> None:
    """Put the adapter of a run's warm-up into the package."""
    made = run / "models" / "critic" / "adapter"
    TARGET.mkdir(parents=True, exist_ok=True)
    weights = {name: each.half() for name, each in load_file(made / "adapter_model.safetensors").items()}
    save_file(weights, TARGET / "adapter_model.safetensors", metadata={"format": "pt"})
    config = json.loads((made / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "smollm2-135m"
    (TARGET / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    stage = json.loads((run / "warm_up" / "stage.json").read_text())
    told = {"parts": stage["parts"], "counts": stage["counts"], "sha256": {each: digest(each) for each in WEIGHTS}}
    (TARGET / "made.json").write_text(json.dumps(told, indent=1) + "\n")


WEIGHTS = ("adapter_config.json", "adapter_model.safetensors")


def digest(name: str) -> str:
    """The SHA-256 of a shipped file."""
    return hashlib.sha256((TARGET / name).read_bytes()).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/critic"))
