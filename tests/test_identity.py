"""Hashes and seeds: equal things have equal names, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.identity import (
    canonical_json,
    content_hash,
    file_fingerprint,
    folder_fingerprint,
    fraction_of,
    seed_from,
)
from precepts.records import Message, messages_id, well_formed

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1, 2.0, None]}, '{"a":[1,2.0,null],"b":1}'),
        (("x", "é"), '["x","é"]'),
        ({}, "{}"),
    ],
)
def test_canonical_json(value: Any, text: str) -> None:
    assert canonical_json(value) == text


def test_a_hash_is_fixed_for_all_time() -> None:
    # `printf '{"a":1}' | sha256sum`
    assert content_hash({"a": 1}) == "015abd7f5cc57a2d"
    assert content_hash({"a": 1}, 6) == "015abd"
    assert content_hash("\ud800") != content_hash("?")


def test_seeds_depend_on_every_part_and_their_order() -> None:
    paths: list[tuple[object, ...]] = [(), (0,), (1,), ("0",), (0, 1), (1, 0), (0, "1"), (0, 1, 0), ((0, 1),)]
    seeds = [seed_from(*path) for path in paths]
    assert len(set(seeds)) == len(paths)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_from(0, 1) == seeds[4]


def test_fractions_spread_evenly() -> None:
    tenths = [0] * 10
    for index in range(10_000):
        tenths[int(fraction_of(f"item {index}") * 10)] += 1
    assert min(tenths) > 900
    assert max(tenths) < 1100


@pytest.mark.parametrize("size", [0, 1, 1000, MIB, MIB + 1, 3 * MIB])
def test_a_files_name_changes_with_its_ends_and_its_size(tmp_path: Path, size: int) -> None:
    contents = [b"a" * size, b"a" * (size + 1)]
    contents += [b"b" + b"a" * (size - 1), b"a" * (size - 1) + b"b"] if size > 1 else []
    names = set()
    for content in contents:
        (tmp_path / "file").write_bytes(content)
        names.add(file_fingerprint(tmp_path / "file"))
    assert len(names) == len(contents)


def test_a_files_name_does_not_depend_on_where_or_when_it_is(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"same")
    os.utime(tmp_path / "two", (0, 0))
    assert file_fingerprint(tmp_path / "one") == file_fingerprint(tmp_path / "two")


def test_a_folders_name_covers_its_files_and_leaves_out_hidden_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = folder_fingerprint(tmp_path)
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "below").mkdir()
    assert folder_fingerprint(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert folder_fingerprint(tmp_path) != before


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("How are you?", "  how are\n\nYOU? ", True),
        ("How are you?", "How are you", False),
        ("a b", "ab", False),
    ],
)
def test_conversations_that_differ_in_case_and_space_have_one_id(one: str, other: str, same: bool) -> None:
    ids = [messages_id((Message("user", text),)) for text in (one, other)]
    assert (ids[0] == ids[1]) is same
    assert messages_id((Message("assistant", one),)) != ids[0]


@pytest.mark.parametrize(
    ("value", "mended"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ufeff\x00ok", "\ufeff\x00ok"),
        ({"\ud800": ["\ud800", 1, None]}, {"\ufffd": ["\ufffd", 1, None]}),
    ],
)
def test_well_formed(value: Any, mended: Any) -> None:
    assert well_formed(value) == mended


@given(st.text(st.characters(exclude_categories=()), max_size=8))
@settings(deadline=None, max_examples=50)
def test_well_formed_text_can_be_written_and_good_text_is_kept(text: str) -> None:
    assert well_formed(text).encode("utf-8").decode("utf-8") == well_formed(text)
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert well_formed(text) == text
