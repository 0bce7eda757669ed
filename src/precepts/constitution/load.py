"""Find and read a constitution: a built-in by its name, or a YAML file by its path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from precepts.constitution.schema import Constitution
from precepts.errors import InputError, nearest
from precepts.settings import is_there, parse, parse_yaml, read_yaml


def builtin_constitutions() -> list[str]:
    """The names of the constitutions that ship with Precepts."""
    folder = resources.files("precepts.constitution") / "builtin"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_constitution(source: str) -> Constitution:
    """The constitution named or filed at `source`. Raises InputError naming file, line, field and mend."""
    if source in builtin_constitutions():
        text = (resources.files("precepts.constitution") / "builtin" / f"{source}.yaml").read_text("utf-8")
        return parse(Constitution, parse_yaml(text, f"built-in constitution '{source}'"))
    path = Path(source)
    if not is_there(path) and path.suffix not in (".yaml", ".yml"):
        hint = nearest(source, builtin_constitutions())
        raise InputError(f"constitution '{source}': no file and no built-in has this name; {hint}")
    return parse(Constitution, read_yaml(path, "a constitution"))
