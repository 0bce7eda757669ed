"""The picture in docs/architecture.md is the code: rooms, floors, and which way imports go."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "precepts"
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "pyarrow", "matplotlib", "vllm", "ray", "openai")


def rooms() -> dict[str, tuple[int, int]]:
    """(floor, row) of each part of the package that the table names; what is in one row is one room."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = re.findall(r"^\| (\d) \| (.+?) \|", text, re.MULTILINE)
    return {
        name.strip("`/").removesuffix(".py"): (int(floor), row)
        for row, (floor, names) in enumerate(table)
        for name in names.split(", ")
    }


def parts() -> set[str]:
    """The modules and folders right inside the package."""
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    return folders | {path.stem for path in PACKAGE.glob("*.py")}


def part_of(module: str) -> str:
    """The part of the package that a dotted name leads into: precepts.runs.lock is in runs."""
    names = module.split(".")[1:]
    return names[0] if names and names[0] in parts() else "__init__"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports, wherever in it; a relative import is told as such."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def test_the_table_names_every_part_and_no_other() -> None:
    assert set(rooms()) == parts()


def test_the_lines_of_the_table_go_down() -> None:
    floors = [floor for floor, _ in rooms().values()]
    assert floors == sorted(floors, reverse=True)
    assert set(floors) == set(range(7))


def wrong_imports(path: Path, part: str) -> list[str]:
    """The imports of a file of `part` that do not go down (or stay in its room)."""
    where, wrong = rooms(), []
    for line, name in imports(path):
        if name.startswith("."):
            wrong.append(f"{path}:{line} imports {name}: write the whole name")
        elif re.match(r"precepts\b", name):
            floor, row = where[part_of(name)]
            if row != where[part][1] and floor >= where[part][0]:
                wrong.append(f"{path}:{line} imports {name} from floor {floor}")
    return wrong


@pytest.mark.parametrize("part", sorted(parts()))
def test_imports_go_down(part: str) -> None:
    files = [PACKAGE / f"{part}.py"] if (PACKAGE / f"{part}.py").exists() else sorted((PACKAGE / part).rglob("*.py"))
    assert [each for path in files for each in wrong_imports(path, part)] == []


@pytest.mark.parametrize(
    ("part", "code", "count"),
    [
        ("runs", "from precepts.records import Prompt", 0),
        ("runs", "from precepts.runs.work import Chunk", 0),
        ("runs", "from precepts.constitution import Constitution", 1),
        ("runs", "from precepts.stages import sl", 1),
        ("runs", "from precepts import stages, records, __version__", 1),
        ("runs", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import precepts.engines.base", 1),
        ("runs", "def late():\n    import precepts.method as method", 1),
        ("runs", "from .work import Chunk", 1),
        ("records", "from precepts.identity import content_hash", 0),
        ("method", "from precepts.recipe import Recipe", 0),
        ("method", "from precepts.report import write_report", 1),
        ("cli", "from precepts import __version__", 0),
    ],
)
def test_wrong_imports_are_seen(tmp_path: Path, part: str, code: str, count: int) -> None:
    (tmp_path / "new.py").write_text(code)
    assert len(wrong_imports(tmp_path / "new.py", part)) == count


def loaded(code: str) -> set[str]:
    """The heavy libraries that are loaded after `code` has run in a Python of its own."""
    code += f"\nimport sys; print('LOADED', *[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("module", ["precepts", "precepts.cli.main", "precepts.recipe", "precepts.method"])
def test_imports_load_nothing_heavy(module: str) -> None:
    assert loaded(f"import {module}") == set()


HELP = """
import sys
sys.argv = ["precepts", "--help"]
from precepts.cli.main import main
try:
    main()
except SystemExit as leaving:
    assert not leaving.code, leaving.code
"""


def test_help_is_there_and_light() -> None:
    assert loaded(HELP) == set()
    done = subprocess.run([sys.executable, "-m", "precepts", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for command in ("run", "status", "report", "recipe"):
        assert re.search(rf"^\s+{command}\b", done.stdout, re.MULTILINE), command
