"""Find and read a constitution: a built-in by its name, or a YAML file by its path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from precepts.constitution.schema import Constitution
from precepts.errors import InputError, nearest
from precepts.settings import Document, is_there, parse, parse_yaml, read_yaml

BUILT_IN = "built-in constitution"


def builtin_constitutions() -> list[str]:
    """The names of the constitutions that ship with Precepts."""
    folder = resources.files("precepts.constitution") / "builtin"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_constitution(source: str) -> Constitution:
    """The constitution named or filed at `source`. Raises InputError naming file, line, field and mend."""
    return read_constitution(source)[0]


def read_constitution(source: str) -> tuple[Constitution, Document]:
    """The constitution named or filed at `source`, and the text's data with its lines. Raises InputError."""
    document = _document(source)
    return parse(Constitution, document), document


def constitution_text(name: str) -> str:
    """The YAML text of a built-in constitution."""
    return (resources.files("precepts.constitution") / "builtin" / f"{name}.yaml").read_text("utf-8")


def constitution_schema() -> dict[str, Any]:
    """The format as JSON Schema, for editors."""
    schema = Constitution.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "A Precepts constitution"}


def _document(source: str) -> Document:
    if source in builtin_constitutions():
        return parse_yaml(constitution_text(source), f"{BUILT_IN} '{source}'")
    path = Path(source)
    if not is_there(path) and path.suffix not in (".yaml", ".yml"):
        hint = nearest(source, builtin_constitutions())
        raise InputError(f"constitution '{source}': no file and no built-in has this name; {hint}")
    return read_yaml(path, "a constitution")
