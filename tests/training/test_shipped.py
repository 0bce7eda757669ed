"""The adapters that the package ships: whole, small, and made as their record says; and how one is made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from precepts.engines.verdicts import VerdictHead, load_head, save_head
from precepts.errors import InputError
from precepts.training.settings import ADAPTER_FILES
from precepts.training.shipped import FOLDER, adapter_folder, ship, shipped_adapters

MOST = 6 * 1024 * 1024  # bytes


def test_the_embedded_models_critic_is_shipped() -> None:
    assert "smollm2-135m-critic" in shipped_adapters()
    assert adapter_folder("builtin:smollm2-135m-critic") == FOLDER / "smollm2-135m-critic"


@pytest.mark.parametrize("name", shipped_adapters())
def test_what_is_shipped_is_what_its_record_says(name: str) -> None:
    folder = FOLDER / name
    record = json.loads((folder / "record.json").read_text())
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.name != "record.json"}
    assert record["sha256"] == found and {*ADAPTER_FILES, "verdict_head.safetensors"} == found.keys()
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST
    told = (folder / ADAPTER_FILES[0]).read_text() + (folder / "record.json").read_text()
    assert '"/' not in told  # no path of the machine that made it
    assert {"warm_up", "models", "seed"} <= record["recipe"].keys()


def test_an_adapter_is_made_from_a_run(tmp_path: Path) -> None:
    critic = tmp_path / "run" / "models" / "critic"
    (critic / "adapter").mkdir(parents=True)
    save_file({"a": torch.full((2, 2), 0.1)}, critic / "adapter" / ADAPTER_FILES[1])
    (critic / "adapter" / ADAPTER_FILES[0]).write_text('{"base_model_name_or_path": "/home/me/model", "r": 2}')
    ones = torch.ones(2, dtype=torch.float64)
    save_head(VerdictHead(("Yes.",), 1, ones, ones, torch.ones(4, 2).double(), torch.zeros(4).double()), critic)
    recipe = "seed: 1\nformat: chat\nmodels: {}\nconstitution: {}\nwarm_up: {}\nrespond: {}\n"
    (tmp_path / "run" / "recipe.yaml").write_text(recipe)
    (tmp_path / "run" / "warm_up").mkdir()
    state = {"parts": {"warm_up.lora.rank": 2, "models.start": "/home/me/model"}, "counts": {"rounds taught": 3}}
    (tmp_path / "run" / "warm_up" / "stage.json").write_text(json.dumps(state))
    target = tmp_path / "shipped"
    ship(tmp_path / "run", target)
    assert load_file(target / ADAPTER_FILES[1])["a"].dtype == torch.float16
    assert "/home" not in (target / ADAPTER_FILES[0]).read_text() + (target / "record.json").read_text()
    assert json.loads((target / "record.json").read_text())["counts"] == {"rounds taught": 3}
    (tmp_path / "adapter").symlink_to(target)
    assert load_head(tmp_path) is not None


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("builtin:smollm2-135m-critc", "did you mean 'smollm2-135m-critic'"),
        ("nowhere", "no folder with adapter_config"),
    ],
)
def test_what_is_no_adapter(place: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"warm_up\.adapter '{place}': .*{said}"):
        adapter_folder(place)
