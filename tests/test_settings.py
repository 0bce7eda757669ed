"""Settings: what a YAML file means, and how each mistake in one is told."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from precepts.constitution import Constitution
from precepts.errors import InputError
from precepts.recipe import Recipe
from precepts.settings import Document, Settings, dotted, is_there, override, parse, parse_yaml, read_yaml, to_yaml


class Inner(Settings):
    """Settings one level down."""

    beta: float = 0.1
    steps: int | None = None


class Outer(Settings):
    """Settings of every kind that a recipe has."""

    name: str = Field(default="x", min_length=1)
    on: bool = False
    inner: Inner = Inner()
    maybe: Inner | None = None
    items: list[Inner] = []
    words: dict[str, str] = {}


def read(text: str) -> Outer:
    return parse(Outer, parse_yaml(text, "f.yaml"))


def message(text: str, model: type[BaseModel] = Outer) -> str:
    with pytest.raises(InputError) as caught:
        parse(model, parse_yaml(text, "f.yaml"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),
        ("3E2", 300.0),
        (".5e3", 500.0),
        ("1.", 1.0),
        ("-1_000", -1000),
        ("007", 7),
        ("true", True),
        ("no", False),
        ("~", None),
        ("", None),
        ("2022-12-15", "2022-12-15"),
        ("2022-12-15 10:00:00", "2022-12-15 10:00:00"),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("=", "="),
        ("1e", "1e"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("[a, [1, {b: 2}]]", ["a", [1, {"b": 2}]]),
        ("{a: {b: []}}", {"a": {"b": []}}),
        ("&x [1]\nw: *x", [1]),
    ],
)
def test_values_are_read_as_people_mean_them(text: str, value: object) -> None:
    found = parse_yaml(f"v: {text}", "f.yaml").data["v"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nmae: a", "f.yaml, line 1, nmae: unknown key 'nmae'; did you mean 'name'?"),
        ("name: a\ninner:\n  bta: 1", "f.yaml, line 3, inner.bta: unknown key 'bta'; did you mean 'beta'?"),
        ("maybe:\n  bta: 1", "f.yaml, line 2, maybe.bta: unknown key 'bta'; did you mean 'beta'?"),
        ("items:\n  - beta: 1\n  - zzzz: 2", "f.yaml, line 3, items[1].zzzz: unknown key 'zzzz'; known: beta, steps"),
        ("name: 3", "f.yaml, line 1, name: should be a string, found 3; put it in quotes"),
        ("name: no", "f.yaml, line 1, name: should be a string, found False; put it in quotes"),
        ("name: ''", "f.yaml, line 1, name: should have at least 1 character, found ''"),
        ("on: 1", "f.yaml, line 1: this is not valid YAML: a key must be a word; put it in quotes if it is one"),
        ("inner: {beta: '3'}", "f.yaml, line 1, inner.beta: should be a number, found '3'"),
        ("inner: {beta: true}", "f.yaml, line 1, inner.beta: should be a number, found True"),
        ("inner: {beta: .inf}", "f.yaml, line 1, inner.beta: should be a finite number, found inf"),
        ("inner: {beta: 1e999}", "f.yaml, line 1, inner.beta: should be a finite number, found inf"),
        ("inner: {steps: 1.0}", "f.yaml, line 1, inner.steps: should be an integer, found 1.0"),
        ("\n\ninner:", "f.yaml, line 3, inner: expected 'key: value' lines, found nothing"),
        ("items: a", "f.yaml, line 1, items: should be a list, found 'a'"),
        ("words: {a: 1}", "f.yaml, line 1, words.a: should be a string, found 1; put it in quotes"),
        ("", "f.yaml: the file is empty"),
        ("# nothing yet\n", "f.yaml: the file is empty"),
        ("- a\n- b", "f.yaml: expected 'key: value' lines, found a list"),
        ("just words", "f.yaml: expected 'key: value' lines, found 'just words'"),
        ("a: 1\nb: 2\na: 3", "f.yaml, line 3: this is not valid YAML: the key 'a' is given twice"),
        ("a: {b: 1, b: 2}", "f.yaml, line 1: this is not valid YAML: the key 'b' is given twice"),
        ("a: [1\nb: 2", "f.yaml, line 2: this is not valid YAML: "),
        (
            "a: *b",
            "f.yaml, line 1: this is not valid YAML: found undefined alias 'b'; put a text that begins with *",
        ),
        ("a: 1\n---\nb: 2", "f.yaml, line 2: this is not valid YAML: expected a single document"),
        (
            "a: 1\nb: \x00",
            "f.yaml, line 2: this is not valid YAML: the character U+0000 has no place in a text; take",
        ),
        ("? [a]\n: b", "f.yaml, line 1: this is not valid YAML: a key must be a word"),
        ("a: !!python/object:os.system x", "f.yaml, line 1: this is not valid YAML: a tag (python/object:os.system)"),
        ("a: !!timestamp x", "f.yaml, line 1: this is not valid YAML: a tag (timestamp)"),
        ("!!map [a]", "f.yaml, line 1: this is not valid YAML: a tag (map)"),
        ("a: !!bool abc", "f.yaml, line 1: this is not valid YAML: 'abc' cannot be used as a value of type bool"),
        ("a: !!int ''", "f.yaml, line 1: this is not valid YAML: '' cannot be used as a value of type int"),
        ("a: " + "9" * 5000, "f.yaml, line 1: this is not valid YAML: '9999"),
        ("<<: {name: a}", "f.yaml, line 1, <<: unknown key '<<'"),
        ('"\\ud800": 1', "f.yaml, line 1: "),
        ('name: "\\ud800"', "f.yaml, line 1, name: U+D800 is half a character; write the whole one, or take it"),
        (
            'words: {a: "\\udc00"}',
            "f.yaml, line 1, words: [a]: U+DC00 is half a character; write the whole one, or",
        ),
        ('name: "a\\0"', "f.yaml, line 1, name: the character U+0000 has no place in a text; take it out"),
        (
            'items: []\nname: "\\e]0;hi\\a"',
            "f.yaml, line 2, name: the character U+001B has no place in a text; take it out",
        ),
        (
            'words: {"\\e": a}',
            "f.yaml, line 1, words: [\ufffd]: the character U+001B has no place in a text; take",
        ),
        (
            "a:\n\tb: 1",
            "f.yaml, line 2: this is not valid YAML: while scanning for the next token found character",
        ),
    ],
)
def test_each_mistake_is_told_with_its_place(text: str, said: str) -> None:
    found = message(text)
    assert found.startswith(said), found
    assert "\n" not in found


def test_all_mistakes_are_told_but_no_more_than_can_be_read() -> None:
    assert message("name: 3\ninner: {x: 1}").count("\n") == 1
    many = message("items:\n" + "  - 3\n" * 100).splitlines()
    assert len(many) == 21
    assert many[-1] == "... and 80 more"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read("name: a").name = "b"


def test_files_are_read_with_and_without_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: caf\xc3\xa9\n")
    assert read_yaml(file, "a recipe").data == {"name": "café"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"name: \xff"), "not UTF-8 text (byte 6); save it as UTF-8 (a recipe)"),
        (lambda path: path.write_text("a", "utf-16"), "not UTF-8 text (byte 0)"),
        (lambda path: path.mkdir(), "this is a folder; a recipe is a file"),
        (lambda path: None, "there is no such file (a recipe)"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["latin", "utf-16", "folder", "missing", "link to itself"],
)
def test_files_that_cannot_be_read(tmp_path: Path, make: Any, said: str) -> None:
    file = tmp_path / "f.yaml"
    make(file)
    with pytest.raises(InputError) as caught:
        read_yaml(file, "a recipe")
    assert said in str(caught.value)
    assert "f.yaml" in str(caught.value)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_names_that_no_file_can_have(name: str) -> None:
    assert not is_there(Path(name))
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml(Path(name), "a recipe")


@pytest.mark.parametrize(
    ("assignment", "data"),
    [
        ("inner.beta=5e-4", {"name": "a", "inner": {"beta": 5e-4}}),
        ("maybe.steps=3", {"name": "a", "inner": {"beta": 1}, "maybe": {"steps": 3}}),
        ("items=[{beta: 1}]", {"name": "a", "inner": {"beta": 1}, "items": [{"beta": 1}]}),
        ("inner=null", {"name": "a", "inner": None}),
        ("name=a=b", {"name": "a=b", "inner": {"beta": 1}}),
        ("name=", {"name": "", "inner": {"beta": 1}}),
    ],
)
def test_override(assignment: str, data: dict[str, Any]) -> None:
    before = parse_yaml("name: a\ninner:\n  beta: 1", "f.yaml")
    assert override(before, [assignment]).data == data
    assert before.data == {"name": "a", "inner": {"beta": 1}}


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("name", "--set name: write it as key.path=value, for example rl.beta=0.05"),
        ("=3", "--set =3: write it as key.path=value"),
        ("a..b=3", "--set a..b=3: write it as key.path=value"),
        ("name.x=3", "--set name.x=3: 'name' holds a value and has no keys below it"),
        ("name.x.y=3", "--set name.x.y=3: 'name' holds a value and has no keys below it"),
        ("inner.beta=[", "--set inner.beta=[, line 1: this is not valid YAML"),
        ("inner.beta=x", "f.yaml, --set, inner.beta: should be a number, found 'x'"),
        ("innr.beta=1", "f.yaml, --set, innr: unknown key 'innr'; did you mean 'inner'?"),
        ("inner={bet: 1}", "f.yaml, --set, inner.bet: unknown key 'bet'; did you mean 'beta'?"),
    ],
)
def test_a_mistake_in_an_override_is_told_as_one(assignment: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(Outer, override(parse_yaml("name: a\ninner:\n  beta: 1", "f.yaml"), [assignment]))
    assert str(caught.value).startswith(said)


def test_a_mistake_beside_an_override_keeps_its_line() -> None:
    with pytest.raises(InputError, match=r"^f.yaml, line 3, inner.steps: "):
        parse(Outer, override(parse_yaml("name: a\ninner:\n  steps: x", "f.yaml"), ["inner.beta=1", "name=b"]))


@pytest.mark.parametrize(
    ("path", "text"), [((), ""), (("a",), "a"), (("a", 0, "b"), "a[0].b"), ((1, 2), "[1][2]"), (("a", "b"), "a.b")]
)
def test_dotted(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=12,
)


@given(plain | st.from_regex(r"[-+]?[0-9._]{1,4}([eE][-+]?[0-9]{0,3})?", fullmatch=True))
@examples(deadline=None, max_examples=80)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    assert json.dumps(parse_yaml(to_yaml({"v": value}), "f.yaml").data) == json.dumps({"v": value})


KEYS = sorted({*Recipe.model_fields, *Constitution.model_fields, "source", "limit", "id", "weight", "lora", "kind"})
TOKENS = ["- ", ": ", "{", "}", "[", "]", ", ", "&a ", "*a", "!!", "!!int ", "!!bool ", "!!set ", "<<", "? ", "'", '"']
TOKENS += ["\n", "  ", "\t", "#", "|", ">", "%", "@", "\\ud800", "\\x", "1e", "0x", ".nan", "yes", "~", "---\n", "\0"]
yaml_like = st.lists(st.sampled_from([*KEYS, *TOKENS]) | st.text(max_size=3), max_size=24).map("".join)
fields = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, plain))


@given(text=st.text() | yaml_like | st.builds(to_yaml, fields) | st.builds(yaml.dump, plain))
@examples(deadline=None, max_examples=120)
@pytest.mark.parametrize("model", [Recipe, Constitution])
def test_no_text_does_worse_than_an_input_error(model: type[BaseModel], text: str) -> None:
    try:
        parse(model, parse_yaml(text, "f.yaml"))
    except InputError as error:
        assert str(error).startswith("f.yaml")


@given(data=fields | plain)
@examples(deadline=None, max_examples=50)
def test_no_data_does_worse_than_an_input_error(data: Any) -> None:
    for model in (Recipe, Constitution):
        try:
            parse(model, Document(data, "f.yaml"))
        except InputError as error:
            assert str(error).startswith("f.yaml")


@given(assignments=st.lists(yaml_like | st.text(max_size=12) | st.just("rl.beta=0.1"), max_size=3))
@examples(deadline=None, max_examples=50)
def test_no_override_does_worse_than_an_input_error(assignments: list[str]) -> None:
    with suppress(InputError):
        parse(Recipe, override(parse_yaml("rl: {beta: 1}", "f.yaml"), assignments))
