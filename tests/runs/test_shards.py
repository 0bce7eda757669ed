"""Shards: what goes in comes out, and nothing half-written is ever seen under a shard's name."""

from __future__ import annotations

import dataclasses
import os
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handmade import match
from precepts import records
from precepts.errors import RunError
from precepts.evidence import Match
from precepts.records import AIPreference, Message, Prompt, Rollout
from precepts.runs.shards import read_shard, schema_of, shard_size, write_shard, write_whole

CLASSES = [kind for kind in vars(records).values() if dataclasses.is_dataclass(kind)]
SIMPLE = {
    str: st.text(max_size=8),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
}
ODD_TEXTS = ["", " ", "\x00", "a\r\nb\u2028c", "\ufeff", "\U0001f600\u200d", "{first} [[[", "e\u0301", "\x1b[31m"]


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a record's field."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if get_origin(hint) in (Union, types.UnionType):
        return st.one_of([st.none() if arg is type(None) else values(arg) for arg in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=3).map(tuple)
    return made(hint)


def made(kind: Any) -> st.SearchStrategy[Any]:
    """Records of a class."""
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


def prompt(text: str) -> Prompt:
    return Prompt("id", "red_team", "train", "", "here", (Message("user", text),))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(deadline=None, max_examples=8)
def test_every_record_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, kind: type[Any], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("shard") / "records-00000.parquet"
    written = data.draw(st.lists(made(kind), max_size=3))
    write_shard(path, kind, written, (7, 11))
    assert list(read_shard(path, kind)) == written
    assert shard_size(path) == (len(written), 7, 11)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_empty_shard_has_the_schema_of_a_full_one(tmp_path: Path, kind: type[Any]) -> None:
    write_shard(tmp_path / "s.parquet", kind, [], (0, 0))
    schema = pq.read_schema(tmp_path / "s.parquet")
    assert schema.equals(schema_of(kind))
    assert schema.names == [field.name for field in dataclasses.fields(kind)]
    assert list(read_shard(tmp_path / "s.parquet", kind)) == []


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_is_kept_to_the_letter(tmp_path: Path, text: str) -> None:
    write_shard(tmp_path / "s.parquet", Prompt, [prompt(text)], (0, 0))
    assert list(read_shard(tmp_path / "s.parquet", Prompt)) == [prompt(text)]


def test_text_that_utf8_cannot_hold_is_mended(tmp_path: Path) -> None:
    write_shard(tmp_path / "s.parquet", Prompt, [prompt("fine"), prompt("half \ud83d of it")], (0, 0))
    assert list(read_shard(tmp_path / "s.parquet", Prompt)) == [prompt("fine"), prompt("half \ufffd of it")]


def test_none_and_empty_differ(tmp_path: Path) -> None:
    fields = dict.fromkeys([field.name for field in dataclasses.fields(AIPreference)], "")
    lists = {"messages": (), "readings": (), "human": None, "p_first": None}
    label = AIPreference(**{**fields, **lists, "unscored": "too_long"})  # type: ignore[arg-type]
    write_shard(tmp_path / "s.parquet", AIPreference, [label], (0, 0))
    assert list(read_shard(tmp_path / "s.parquet", AIPreference)) == [label]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    rollouts = [Rollout(step, "p", "helpful", "text", -0.5) for step in range(5)]
    for name in ("one", "two"):
        write_shard(tmp_path / name, Rollout, rollouts, (1, 2))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("before", [None, b"the old file"])
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, before: bytes | None
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    monkeypatch.setattr(os if failing == "fsync" else Path, failing, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"the new file")
    assert (path.read_bytes() if path.exists() else None) == before
    assert [each.name for each in tmp_path.iterdir()] == ([] if before is None else ["file"])


def test_a_write_that_succeeds_replaces_what_was_there(tmp_path: Path) -> None:
    for content in (b"old", b"new and longer", b""):
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("damage", ["cut", "empty", "other columns", "gone"])
def test_a_damaged_shard_is_named_with_the_mend(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "respond" / "records-00000.parquet"
    path.parent.mkdir()
    write_shard(path, Rollout if damage == "other columns" else Prompt, [], (0, 0))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"" if damage == "empty" else content)
    if damage == "other columns":
        write_shard(path, Rollout, [Rollout(1, "p", "k", "t", 0.0)], (0, 0))
    if damage == "gone":
        path.unlink()
    with pytest.raises(RunError) as caught:
        list(read_shard(path, Prompt))
    assert str(path) in str(caught.value)
    assert f"delete the folder {path.parent}" in str(caught.value)
    if damage != "other columns":
        with pytest.raises(RunError, match="cannot be read"):
            shard_size(path)


def test_a_column_that_an_older_shard_lacks_gets_its_default(tmp_path: Path) -> None:
    played = match(1, "sl", "start", 0.75, constitution_hash="made with")
    write_shard(tmp_path / "new.parquet", Match, [played], (1, 2))
    for name in ("constitution_hash", "readings"):  # the first has a default, the second none
        pq.write_table(pq.read_table(tmp_path / "new.parquet").drop_columns([name]), tmp_path / f"{name}.parquet")
    older = dataclasses.replace(played, constitution_hash="")
    assert list(read_shard(tmp_path / "constitution_hash.parquet", Match)) == [older]
    with pytest.raises(RunError, match="cannot be read"):
        list(read_shard(tmp_path / "readings.parquet", Match))


def test_a_parquet_file_that_is_not_ours_is_no_shard(tmp_path: Path) -> None:
    pq.write_table(schema_of(Rollout).empty_table(), tmp_path / "s.parquet")
    with pytest.raises(RunError, match="cannot be read"):
        shard_size(tmp_path / "s.parquet")


def test_a_field_without_a_column_type_is_refused() -> None:
    bad = dataclasses.make_dataclass("Bad", [("when", complex)])
    with pytest.raises(TypeError, match="no Parquet column type"):
        schema_of(bad)
