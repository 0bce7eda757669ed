"""Records on disk: Parquet shards, written whole and renamed into place.

1. A shard is one chunk's records of one record class. It appears under its name complete or not at all: it is
   written beside its place, flushed to the disk, then renamed.
2. Columns come from the record class's fields and their types, so an empty shard has the same schema as a full one.
3. Text that UTF-8 cannot hold is made to fit (`records.well_formed`): a model's reply never stops a run.
4. A column that an older shard lacks gets its field's default, where it has one.
5. Tokens used are in the shard's metadata, not in a side file that a crash could part from it.
"""

from __future__ import annotations

import dataclasses
import os
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from precepts.errors import RunError
from precepts.records import well_formed

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R")


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a part."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_shard(path: Path, record_class: type[Any], records: Sequence[Any], tokens: tuple[int, int]) -> None:
    """Write `records` (all of `record_class`) and the tokens (in, out) spent on them as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {b"precepts.tokens": b"%d,%d" % tokens}
    schema = schema_of(record_class).with_metadata(metadata)
    columns = {name: [plain(getattr(record, name)) for record in records] for name, plain in _plain(record_class)}
    try:
        table = pa.Table.from_pydict(columns, schema=schema)
    except UnicodeEncodeError:
        table = pa.Table.from_pydict(well_formed(columns), schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_whole(path, sink.getvalue().to_pybytes())


def read_shard(path: Path, record_class: type[R]) -> Iterator[R]:
    """The records of one shard, in the order they were written."""
    import pyarrow.parquet as pq

    make = _maker(record_class)
    try:
        file = pq.ParquetFile(path)
        for batch in file.iter_batches(batch_size=1024):
            yield from map(make, batch.to_pylist())
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from None


def shard_size(path: Path) -> tuple[int, int, int]:
    """(records, tokens in, tokens out) of a shard, read from its footer alone."""
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path)
        tokens_in, tokens_out = map(int, (footer.metadata or {})[b"precepts.tokens"].split(b","))
    except (OSError, KeyError, ValueError) as error:
        raise _unreadable(path, error) from None
    return footer.num_rows, tokens_in, tokens_out


def _unreadable(path: Path, error: Exception) -> RunError:
    mend = f"delete the folder {path.parent} and run the same command: the stage is done again"
    return RunError(f"{path}: this shard cannot be read ({error}); {mend}")


def schema_of(record_class: type[Any]) -> pa.Schema:
    """The Arrow schema of a record class."""
    import pyarrow as pa

    hints = get_type_hints(record_class)
    return pa.schema([_field(f.name, hints[f.name]) for f in dataclasses.fields(record_class)])


def _field(name: str, hint: Any) -> pa.Field:
    import pyarrow as pa

    inner = _not_none(hint)
    return pa.field(name, _arrow(inner), nullable=inner is not hint)


def _arrow(hint: Any) -> pa.DataType:
    import pyarrow as pa

    simple = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if hint in simple:
        return simple[hint]
    if get_origin(hint) is tuple:
        return pa.list_(pa.field("item", _arrow(get_args(hint)[0]), nullable=False))
    if dataclasses.is_dataclass(hint):
        return pa.struct(list(schema_of(hint)))  # type: ignore[arg-type]
    raise TypeError(f"no Parquet column type for {hint}")


def _not_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(arg for arg in get_args(hint) if arg is not type(None))
    return hint


def _plain(record_class: type[Any]) -> list[tuple[str, Any]]:
    """A record class's fields, each with a function from its value to what Arrow takes: structs become dicts."""
    return [(name, _plainer(_not_none(hint))) for name, hint in get_type_hints(record_class).items()]


def _plainer(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        inner = _plainer(get_args(hint)[0])
        return lambda values: None if values is None else [inner(value) for value in values]
    if not dataclasses.is_dataclass(hint):
        return lambda value: value
    fields = _plain(hint)  # type: ignore[arg-type]
    return lambda record: None if record is None else {name: plain(getattr(record, name)) for name, plain in fields}


def _maker(record_class: type[R]) -> Any:
    """A function from a row (dict) to a record: lists become tuples, structs become their dataclasses. It raises
    TypeError where a column is missing whose field has no default."""
    hints = {name: _not_none(hint) for name, hint in get_type_hints(record_class).items()}
    convert = {name: _converter(hint) for name, hint in hints.items()}

    def make(row: dict[str, Any]) -> R:
        there = {key: turn for key, turn in convert.items() if key in row}
        return record_class(**{key: None if row[key] is None else turn(row[key]) for key, turn in there.items()})

    return make


def _converter(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        inner = _converter(get_args(hint)[0])
        return lambda values: tuple(map(inner, values))
    return _maker(hint) if dataclasses.is_dataclass(hint) else lambda value: value  # type: ignore[arg-type]
