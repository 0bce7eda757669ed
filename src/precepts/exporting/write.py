"""Rows to a file, or to the folder of a Hub data set with its card; as they come, never all in memory.

1. A file appears under its name whole or not at all.
2. The folder is what the Hub shows: `data/train.parquet` (or .jsonl) and README.md, the card. `push` sends it there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from precepts.errors import InputError, RunError
from precepts.exporting.columns import Row, Table
from precepts.settings import read_yaml, to_yaml

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "jsonl")
_ROWS = 1024  # at a time


def write_rows(table: Table, path: Path) -> int:
    """Write the rows to a .parquet or .jsonl file; returns how many there were. Raises InputError where it cannot."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            count = _jsonl(table, file) if path.suffix == ".jsonl" else _parquet(table, file)
        beside.replace(path)
    except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"--output {path}: cannot be written ({error.strerror}); give another place") from None
    finally:
        beside.unlink(missing_ok=True)
    return count


def _jsonl(table: Table, file: IO[bytes]) -> int:
    count = 0
    for row in table.rows:
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


def _parquet(table: Table, file: IO[bytes]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count, schema = 0, _schema(table.columns)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _batches(table.rows):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while batch := list(islice(rest, _ROWS)):
        yield batch


def _schema(columns: dict[str, str]) -> pa.Schema:
    import pyarrow as pa

    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    kinds = {"text": pa.string(), "number": pa.float64(), "whole": pa.int64(), "turns": pa.list_(turn)}
    return pa.schema([(name, kinds[kind]) for name, kind in columns.items()])


def write_data_set(table: Table, folder: Path, form: str, run: Path, stage: str) -> int:
    """Write the folder of a data set with its card; returns the number of rows."""
    data = folder / "data" / f"train.{form}"
    count = write_rows(table, data)
    (folder / "README.md").write_text(card(run, stage, count, table.columns, f"data/{data.name}"), encoding="utf-8")
    return count


def card(run: Path, stage: str, count: int, columns: dict[str, str], data: str) -> str:
    """The data set's card: what it is, and what made it."""
    recipe: dict[str, Any] = read_yaml(run / "recipe.yaml", "a run's recipe").data
    state = json.loads((run / stage / "stage.json").read_text("utf-8")) if (run / stage).is_dir() else {}
    top = {
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": data}]}],
        "tags": ["constitutional-ai", "precepts", "synthetic"],
    }
    made = {
        "stage": stage,
        "rows": count,
        "recipe": recipe.get("description") or "(not described)",
        "constitution": Path(str(recipe["constitution"]["source"])).name,
        "model": Path(str(recipe["models"]["start"])).name,
        "seed": recipe["seed"],
        "fingerprint": state.get("fingerprint", "(the stage was not run)"),
    }
    lines = [f"- {name}: {_plain(value)}" for name, value in made.items()]
    return "\n".join(
        [
            f"---\n{to_yaml(top)}---",
            f"# {stage}: records of a Constitutional AI run\n",
            "Made by Precepts, after Bai et al. 2022 (arXiv 2212.08073). A language model wrote the texts, some of",
            "them harmful by design: they show what is to be unlearnt. The licences of prompts and model apply.\n",
            *lines,
            f"\nColumns: {', '.join(f'`{name}`' for name in columns)}.\n",
        ]
    )


def _plain(value: object) -> str:
    """One line of text that Markdown does not read as anything else."""
    return " ".join("".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in str(value)).split())


def push(folder: Path, name: str, *, private: bool) -> str:
    """Send a data set's folder to the Hub as ORG/NAME; returns its address. Raises RunError where that fails."""
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.create_repo(name, repo_type="dataset", private=private, exist_ok=True)
        api.upload_folder(repo_id=name, repo_type="dataset", folder_path=str(folder))
    except Exception as error:  # network, name or access, each with a kind of its own
        summary = next(iter(str(error).splitlines()), type(error).__name__)
        raise RunError(f"--push {name}: the Hub did not take it ({summary}); the data set is in {folder}") from None
    return f"https://huggingface.co/datasets/{name}"
