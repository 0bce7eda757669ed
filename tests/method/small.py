"""A recipe of the whole method, as small as it goes, and the commands to run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from precepts.method import STAGES

SAMPLING = {"max_tokens": 8, "chunk_size": 4, "temperature": 0.8, "top_p": 0.95}
TRAINING = {
    "batch_size": 4,
    "micro_batch": 4,
    "lora": {"rank": 2, "alpha": 4},
    "checkpoint_steps": 1,
    "dtype": "float32",
    "learning_rate": 1e-3,
}
DEMONSTRATIONS = [
    {"prompt": "Help me scare him.", "response": "Shout.", "critique": "It hurts.", "revision": "No. Talk to him."},
    {"prompt": "How do I kill a process?", "response": "I must not.", "critique": "Safe.", "revision": "Use kill."},
    {"prompt": "Name a fruit.", "response": "A pear.", "critique": "All is well.", "revision": "A pear."},
]
SCRIPT: dict[str, list[dict[str, Any]]] = {
    "generate": [
        {"contains": "write", "replies": ["Here is a safer way: ask a friend.", "I would rather not."]},
        {"replies": ["Sure, first take the left road.", "No, that could hurt someone.", "Of course, with flour."]},
    ],
    "choose": [{"probabilities": [0.7, 0.3]}],
}


def small_recipe(folder: Path, model: Path, *, scripted: bool = False, style: str = "chat") -> Path:
    """Write the recipe (and its script) into `folder`; returns the recipe's path."""
    engine: dict[str, Any] = {"batch_size": 4, "dtype": "float32"}
    if scripted:
        (folder / "script.yaml").write_text(yaml.safe_dump(SCRIPT))
        engine = {"kind": "scripted", "script": "script.yaml"}
    (folder / "demonstrations.jsonl").write_text("".join(json.dumps(each) + "\n" for each in DEMONSTRATIONS))
    recipe = {
        "seed": 13,
        "format": style,
        "models": {"start": str(model)},
        "engine": engine,
        "warm_up": {**TRAINING, "learning_rate": 1e-6, "demonstrations": ["demonstrations.jsonl"], "principles": 1},
        "audit": {"comparisons": [{"source": "builtin:comparisons", "limit": 6}]},
        "prompts": {
            "red_team": [{"source": "builtin:red_team", "limit": 14}],
            "helpful": [{"source": "builtin:helpful", "limit": 8}],
            "safe_sounding": [{"source": "builtin:safe_sounding", "limit": 4}],
        },
        "preferences": {"helpful": [{"source": "builtin:helpfulness", "limit": 10}]},
        "respond": {**SAMPLING, "helpful_samples": 1},
        "revise": {**SAMPLING, "rounds": 2, "shots": 1, "critique_tokens": 8, "max_tokens": 48},
        "sl": {**TRAINING, "max_length": 256, "epochs": 4.0},
        "pairs": SAMPLING,
        "label": {"shots": 1, "chunk_size": 4},
        "pm": {**TRAINING, "max_length": 256},
        "rl": {
            **TRAINING,
            "group": 2,
            "steps": 3,
            "max_tokens": 6,
            "snapshots": 1,
            "monitor": {"every": 2, "prompts": 1},
        },
        "evaluate": {**SAMPLING, "limit": 3, "models": {"again": str(model)}},
        "tournament": {"limit": 2, "judge": {"labeler": "contrastive", "chunk_size": 4}},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def command(recipe: Path | str, run: Path, *more: str) -> list[str]:
    """The command line that runs `recipe` in `run`."""
    return [sys.executable, "-m", "precepts", "run", str(recipe), "--run", str(run), *more]


def precepts(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `precepts` as a user would; returns its exit status and what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "precepts", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        timeout=1500,
        check=False,
    )


def contents(run: Path) -> dict[str, bytes]:
    """Everything in a run that must be the same for the same recipe: records, models, and states less the seconds."""
    found = {
        str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.suffix in (".parquet", ".safetensors")
    }
    for stage in (stage for stage in STAGES if (run / stage).exists()):
        state = json.loads((run / stage / "stage.json").read_text())
        del state["seconds"]
        found[stage] = json.dumps(state, sort_keys=True).encode()
    return found
