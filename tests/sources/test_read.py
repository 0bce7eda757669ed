"""Reading rows: every kind of file, and what is said of a row that cannot be read."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.settings import parse, parse_yaml
from precepts.sources.items import read_prompts
from precepts.sources.read import Row, SourceSettings, builtin_sets, rows, source_fingerprint

ROWS = [{"prompt": 'Hi,\n"you"', "kind": "é"}, {"prompt": "", "kind": "b"}]


def written(folder: Path, name: str, content: bytes | str) -> SourceSettings:
    content = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(content)
    return SourceSettings(source=str(folder / name))


def in_format(folder: Path, suffix: str, data: list[dict[str, Any]]) -> SourceSettings:
    """`data` as a file of this kind."""
    path = folder / f"rows{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(data), path)
    elif suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(data[0]))
            writer.writeheader()
            writer.writerows(data)
    else:
        path.write_text("\n".join(json.dumps(row) for row in data), encoding="utf-8")
    return SourceSettings(source=str(path))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet", ".JSONL"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    assert [row.data for row in rows(in_format(tmp_path, suffix, ROWS))] == ROWS


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("r.jsonl", '{"a": 1}\n\n  \n{"a": 2}\r\n', ["line 1", "line 4"]),
        ("r.jsonl", b'\xef\xbb\xbf{"a": 1}', ["line 1"]),
        ("r.jsonl", "", []),
        ("r.csv", 'a,b\n"1\n2",x\n\n3,y\n', ["line 2", "line 5"]),
        ("r.csv", b"\xef\xbb\xbfa,b\r\n1,x\r\n", ["line 2"]),
        ("r.csv", "", []),
    ],
)
def test_each_row_knows_its_line(tmp_path: Path, name: str, content: str, places: list[str]) -> None:
    found = list(rows(written(tmp_path, name, content)))
    assert [row.place for row in found] == [f"{tmp_path / name}, {place}" for place in places]
    assert all("a" in row.data for row in found)


def test_parquet_rows_are_counted_through_all_batches(tmp_path: Path) -> None:
    found = list(rows(in_format(tmp_path, ".parquet", [{"prompt": str(index)} for index in range(3000)])))
    assert found[2999] == Row(f"{tmp_path / 'rows.parquet'}, row 3000", {"prompt": "2999"})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("r.jsonl", '{"a": 1}\n{"a": \n', "r.jsonl, line 2: not a line of JSON ("),
        ("r.jsonl", '{"a": 1}\n[1]', "r.jsonl, line 2: expected a JSON object, found list"),
        ("r.jsonl", "3", "r.jsonl, line 1: expected a JSON object, found int"),
        ("r.jsonl", b'{"a": "\xff"}', "r.jsonl, line 1: not a line of JSON ("),
        ("r.jsonl", "[" * 100_000, "r.jsonl, line 1: not a line of JSON ("),
        ("r.jsonl", '{"\\u0041": ' + "[" * 600 + "]" * 600 + "}", "r.jsonl, line 1: not a line of JSON ("),
        ("r.jsonl", '{"a": ' + "9" * 5000 + "}", "r.jsonl, line 1: not a line of JSON ("),
        ("r.csv", "a,b\n1,2\n1,2,3", "r.csv, line 3: more cells than the header has"),
        ("r.csv", 'a,b\n1,"2\n', "r.csv, after line 1: not a row of UTF-8 CSV ("),
        ("r.csv", b"a,b\n1,\xff", "r.csv, after line 0: not a row of UTF-8 CSV ("),
        ("r.parquet", "not parquet", "r.parquet: not a Parquet file that can be read ("),
        ("r.parquet", "", "r.parquet: not a Parquet file that can be read ("),
        ("r.txt", b"one\n\xff", "r.txt, line 2: not UTF-8 text ("),
        (
            "r.doc",
            "x",
            "r.doc: cannot tell what this is; give a file that ends with .jsonl, .json, .csv, .parquet, .txt",
        ),
        ("r", "x", "r: cannot tell what this is"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        list(rows(written(tmp_path, name, content)))
    assert str(caught.value).startswith(f"{tmp_path}/{said}")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("builtin:redteam", "no built-in set has this name; did you mean 'red_team'?"),
        ("nowhere.jsonl", "there is no such file (built-in sets: "),
        (".", "there is no such file"),
        ("x" * 5000, "there is no such file"),
    ],
)
def test_sources_that_lead_nowhere(source: str, said: str) -> None:
    for use in (rows, source_fingerprint):
        with pytest.raises(InputError) as caught:
            use(SourceSettings(source=source))
        assert said in str(caught.value)


def test_half_characters_become_the_replacement_character(tmp_path: Path) -> None:
    source = written(tmp_path, "r.jsonl", r'{"prompt": "half \ud83d, whole \ud83d\ude00", "n": [{"x": "\udc00"}]}')
    assert [row.data for row in rows(source)] == [{"prompt": "half \ufffd, whole \U0001f600", "n": [{"x": "\ufffd"}]}]


def test_a_name_for_what_a_source_holds(tmp_path: Path) -> None:
    one, two = written(tmp_path, "one.jsonl", "{}"), written(tmp_path, "two.jsonl", "{}")
    assert source_fingerprint(one) == source_fingerprint(two)
    assert source_fingerprint(written(tmp_path, "two.jsonl", "{} ")) != source_fingerprint(one)
    hub = [SourceSettings(source="hf:a/b", revision=revision) for revision in (None, "1")]
    assert source_fingerprint(hub[0]) != source_fingerprint(hub[1])
    assert len({source_fingerprint(SourceSettings(source=f"builtin:{name}")) for name in builtin_sets()}) == len(
        builtin_sets()
    )


class FakeHub:
    """A `datasets` library whose one data set breaks at its fourth row."""

    def load_dataset(self, name: str, *subset: str | None, **options: Any) -> Iterator[dict[str, Any]]:
        if name != "org/name":
            raise RuntimeError(f"{name} is not on the Hub\nand a long story about it")
        self.asked = (*subset, options)
        return self.rows()

    def rows(self) -> Iterator[dict[str, Any]]:
        for index in range(3):
            yield {"prompt": f"Question {index}"}
        raise ConnectionError


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub()
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return fake


def test_a_hub_data_set_is_streamed(hub: FakeHub) -> None:
    settings = SourceSettings(source="hf:org/name", subset="a", data_dir="b", revision="c", limit=2)
    prompts = [prompt for prompt in read_prompts(settings, "helpful", 0.5) if prompt]
    assert [prompt.messages[0].content for prompt in prompts] == ["Question 0", "Question 1"]
    assert hub.asked == ("a", {"data_dir": "b", "split": "train", "revision": "c", "streaming": True})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("org/name", "source 'hf:org/name' (split train): cannot be read from the Hub: ConnectionError"),
        ("org/nmae", "source 'hf:org/nmae' (split train): cannot be read from the Hub: org/nmae is not on the Hub"),
    ],
)
def test_trouble_with_the_hub_is_told_in_a_line(hub: FakeHub, name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        list(rows(SourceSettings(source=f"hf:{name}")))
    assert str(caught.value) == said


def test_hub_keys_need_a_hub_data_set() -> None:
    with pytest.raises(InputError, match=r"'subset' goes with a Hub data set .* and 'builtin:red_team' is none"):
        parse(SourceSettings, parse_yaml("{source: 'builtin:red_team', subset: x}", "f.yaml"))


@given(content=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_no_content_does_worse_than_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        for row in rows(written(folder, f"any{suffix}", content)):
            assert all(isinstance(key, str) for key in row.data)
    except InputError as error:
        assert str(error).startswith(f"{folder}/any{suffix}")
