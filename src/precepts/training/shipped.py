"""Adapters that the package brings, so that a small model need not be warmed up anew: found here, and made here.

1. `builtin:NAME` in `warm_up.adapter` is a folder of `training/adapters`: the adapter of a run's critic in float16,
   its verdict head, and `record.json`, which says what made them: the recipe, the hashes of what went in and came out,
   the versions.
2. `python -m precepts.training.shipped RUN NAME` writes such a folder from a run; `make adapter` does both.
   Another machine's training rounds otherwise: its adapter is as good, and its bytes differ.
How it departs from the paper: its models needed no warm-up.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from precepts.engines.models import HEAD_FILE as HEAD
from precepts.errors import InputError, nearest
from precepts.settings import read_yaml
from precepts.training.settings import ADAPTER_FILES

FOLDER = Path(__file__).parent / "adapters"
PREFIX = "builtin:"
_MADE_WITH = ("torch", "transformers", "peft", "trl")


def shipped_adapters() -> list[str]:
    """Their names."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{ADAPTER_FILES[0]}"))


def adapter_folder(place: str) -> Path:
    """The folder of an adapter: one of the package's, or any. Raises InputError where there is none."""
    if place.startswith(PREFIX):
        name = place.removeprefix(PREFIX)
        if name not in shipped_adapters():
            raise InputError(
                f"warm_up.adapter '{place}': there is no such adapter; {nearest(name, shipped_adapters())}"
            )
        return FOLDER / name
    folder = Path(place)
    if not all((folder / each).is_file() for each in ADAPTER_FILES):
        wanted = " and ".join(ADAPTER_FILES)
        raise InputError(f"warm_up.adapter '{place}': no folder with {wanted}; a run's is models/critic/adapter")
    return folder


def ship(run: Path, target: Path) -> None:
    """Write the adapter of the critic of `run` to `target`, with its record. Raises InputError where it has none."""
    from safetensors.torch import load_file, save_file

    adapter = adapter_folder(str(run / "models" / "critic" / "adapter"))
    head = run / "models" / "critic" / HEAD
    if not head.is_file():
        raise InputError(f"{head}: there is no verdict head; run the warm-up with verdict_head: true")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    weights = {name: tensor.half().contiguous() for name, tensor in load_file(adapter / ADAPTER_FILES[1]).items()}
    save_file(weights, target / ADAPTER_FILES[1], metadata={"format": "pt"})
    shutil.copyfile(head, target / head.name)
    config = json.loads((adapter / ADAPTER_FILES[0]).read_text("utf-8"))
    config["base_model_name_or_path"] = None  # a path of the machine that made it
    (target / ADAPTER_FILES[0]).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    recipe = read_yaml(run / "recipe.yaml", "a run's recipe").data
    state = json.loads((run / "warm_up" / "stage.json").read_text("utf-8"))
    record = {
        "made by": "make adapter",
        "recipe": {key: recipe[key] for key in ("seed", "format", "models", "constitution", "warm_up", "respond")},
        "stage's parts": {name: part for name, part in state["parts"].items() if not str(part).startswith("/")},
        "counts": state["counts"],
        "sha256": {
            name: hashlib.sha256((target / name).read_bytes()).hexdigest() for name in (*ADAPTER_FILES, Path(HEAD).name)
        },
        "versions": {name: version(name) for name in _MADE_WITH},
    }
    (target / "record.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    ship(Path(sys.argv[1]), FOLDER / sys.argv[2])
