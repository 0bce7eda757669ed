"""Reading a constitution: what a good file gives, and what is said of a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from precepts.constitution import Constitution, Principle, Source, builtin_constitutions, load_constitution
from precepts.constitution.load import constitution_schema
from precepts.constitution.schema import Demonstrations
from precepts.errors import InputError
from precepts.settings import Document, parse

GOOD = """\
name: short
version: "1"
principles:
  - id: kindness
    title: Kindness
    source: {work: our own}
    critique_request: Point out what is unkind.
    revision_request: Make it kind.
    comparison_request: Choose the kinder response.
    tags: [tone]
  - id: honesty-2
    title: Honesty
    source: {work: our own, section: "3", url: "https://example.org"}
    critique_request: Point out what is untrue.
    revision_request: Make it true.
    comparison_request: Choose the truer response.
    weight: 2
"""


def written(folder: Path, text: str) -> str:
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    return str(folder / "c.yaml")


def loaded(folder: Path, old: str = "", new: str = "") -> Constitution:
    assert old in GOOD
    return load_constitution(written(folder, GOOD.replace(old, new, 1)))


def test_a_good_file(tmp_path: Path) -> None:
    constitution = loaded(tmp_path)
    assert (constitution.name, constitution.version, constitution.licence) == ("short", "1", "")
    assert [(p.id, p.weight, p.tags) for p in constitution.principles] == [
        ("kindness", 1.0, ["tone"]),
        ("honesty-2", 2.0, []),
    ]
    assert constitution.principle("honesty-2").source.section == "3"
    with pytest.raises(KeyError, match="nobody"):
        constitution.principle("nobody")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "    revision_request: Make it kind.\n",
            "",
            "line 4, principles[0]: a critique goes with a revision, and there is no revision_request; add it",
        ),
        ("Point out what is untrue.", '" "', "line 14, principles[1].critique_request: this is blank; write what"),
        ("title: Honesty", "title: ''", "line 12, principles[1].title: should have at least 1 character, found ''"),
        ("id: honesty-2", "id: kindness", "line 3, principles: the principles [0], [1] have the same id 'kindness';"),
        (
            "id: kindness",
            "id: Be Kind",
            "line 4, principles[0].id: 'Be Kind' cannot be an id; use small letters a",
        ),
        (
            "id: kindness",
            'id: "be-kind\\n"',
            "line 4, principles[0].id: 'be-kind\\n' cannot be an id;",
        ),
        (
            "title: Kindness",
            'title: "\\e[2J"',
            "line 5, principles[0].title: the character U+001B has no",
        ),
        (
            "Make it kind.",
            '"a\\ud83d"',
            "line 8, principles[0].revision_request: U+D83D is half a character;",
        ),
        ("[tone]", '[x, "\\udc00"]', "line 10, principles[0].tags: [1]: U+DC00 is half a character; write the whole"),
        ("{work: our own}", '{work: o, quote: "\\udc00"}', "line 6, principles[0].source.quote: U+DC00 is half a"),
        ("id: kindness", "id: no", "line 4, principles[0].id: should be a string, found False; put it in quotes"),
        ("weight: 2", "weight: 0", "line 17, principles[1].weight: should be greater than 0, found 0"),
        ("weight: 2", "weight: -1", "line 17, principles[1].weight: should be greater than 0, found -1"),
        ("weight: 2", "weight: .inf", "line 17, principles[1].weight: should be a finite number, found inf"),
        ("weight: 2", "weight: often", "line 17, principles[1].weight: should be a number, found 'often'"),
        ("weight: 2", "wieght: 2", "line 17, principles[1].wieght: unknown key 'wieght'; did you mean 'weight'?"),
        ("{work: our own}", "our own", "line 6, principles[0].source: expected 'key: value' lines, found 'our own'"),
        ("{work: our own}", "{werk: our own}", "line 6, principles[0].source.work: missing; add 'work'"),
        ("tags: [tone]", "tags: tone", "line 10, principles[0].tags: should be a list, found 'tone'"),
        ('version: "1"', "version: 1.0", "line 2, version: should be a string, found 1.0; put it in quotes"),
        ("name: short\n", "", "line 1, name: missing; add 'name'"),
        ("    title: Kindness", "    id: again", "line 5: this is not valid YAML: the key 'id' is given twice"),
    ],
)
def test_mistakes_name_file_line_field_and_mend(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, old, new)
    assert str(caught.value).startswith(f"{tmp_path / 'c.yaml'}, {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nversion: b\nprinciples: []", "line 3, principles: should have at least 1 item, not 0"),
        ("name: a\nversion: b\nprinciples:", "line 3, principles: should be a list, found nothing"),
        ("- a", "expected 'key: value' lines, found a list"),
        ("", "the file is empty"),
    ],
)
def test_files_that_hold_no_constitution(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_constitution(written(tmp_path, text))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("defualt", "no file and no built-in has this name; did you mean 'default'?"),
        ("nowhere.yaml", "nowhere.yaml: there is no such file (a constitution)"),
        (".", "this is a folder; a constitution is a file"),
        ("x" * 5000, "no file and no built-in has this name"),
        ("a\0b", "no file and no built-in has this name"),
    ],
)
def test_names_that_lead_nowhere(source: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_constitution(source)
    assert said in str(caught.value)


def test_hashes_cover_what_a_model_sees_and_the_order(tmp_path: Path) -> None:
    before = loaded(tmp_path)
    same = loaded(tmp_path, "title: Kindness", "title: Being kind")
    assert same.hash == before.hash
    others = [
        loaded(tmp_path, "Make it kind.", "Make it kinder."),
        loaded(tmp_path, "weight: 2", "weight: 3"),
        loaded(tmp_path, "id: kindness", "id: kind"),
        before.model_copy(update={"principles": before.principles[::-1]}),
    ]
    assert len({before.hash, *(other.hash for other in others)}) == 5


@pytest.mark.parametrize("name", builtin_constitutions())
def test_built_in_constitutions_are_whole(name: str) -> None:
    constitution = load_constitution(name)
    assert constitution.licence
    assert constitution.description
    for principle in constitution.principles:
        assert principle.source.url.startswith("https://"), principle.id
        assert principle.tags, principle.id
    for request in ("critique_request", "revision_request", "comparison_request"):
        texts = [getattr(principle, request) for principle in constitution.principles]
        assert len(set(texts)) == len(texts), request
        assert all(40 < len(text) < 500 and "\n" not in text for text in texts), request


FAMILIES = ["Universal Declaration of Human Rights", "Apple", "Sparrow", "Ethics", "Analects", "Sutra", "Nikaya"]
FAMILIES += ["Decolonial", "Constitutional AI", "General Language Assistant", "Helpful and Harmless Assistant"]


def test_the_default_constitution_draws_on_every_family_of_sources() -> None:
    constitution = load_constitution("default")
    works = [principle.source.work for principle in constitution.principles]
    assert len(works) >= 16
    assert [family for family in FAMILIES if not any(family in work for work in works)] == []
    tags = {tag for principle in constitution.principles for tag in principle.tags}
    assert {"rights", "platform", "dialogue-rules", "world", "assistant", "evasiveness", "preachiness"} <= tags


def test_the_schema_in_the_docs_is_todays() -> None:
    path = Path(__file__).parents[2] / "docs" / "constitution.schema.json"
    assert json.loads(path.read_text("utf-8")) == constitution_schema()


DESCRIBED = (Constitution, Demonstrations, Principle, Source)


def test_the_schema_describes_every_field_and_none_is_left_out() -> None:
    schema = constitution_schema()
    parts = {"": schema, **schema["$defs"]}
    fields = {f"{name}.{field}": told for name, part in parts.items() for field, told in part["properties"].items()}
    assert [name for name, told in fields.items() if not told.get("description")] == []
    assert len(fields) >= sum(len(each.model_fields) for each in DESCRIBED)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"comparison_request": ""},
        {"critique_request": "", "revision_request": ""},
        {"critique_request": None, "revision_request": None},
        {"revision_request": None},
        {"revision_request": ""},
        {"critique_request": " "},
        {"comparison_request": " "},
        {"critique_request": "", "revision_request": "", "comparison_request": None},
        {"title": " "},
        {"title": ""},
        {"id": "Be Kind"},
        {"weight": 0},
        {"colour": "red"},
    ],
    ids=str,
)
def test_the_schema_lets_through_what_is_read(changes: dict[str, Any]) -> None:
    whole = {"id": "a", "title": "T", "source": {"work": "w"}}
    whole |= {"critique_request": "c", "revision_request": "r", "comparison_request": "b", **changes}
    principle = {name: value for name, value in whole.items() if value is not None}
    data = {"name": "n", "version": "1", "principles": [principle]}
    try:
        parse(Constitution, Document(data, "c.yaml"))
        good = True
    except InputError:
        good = False
    assert Draft202012Validator(constitution_schema()).is_valid(data) == good


def test_a_constitution_brings_its_own_demonstrations(tmp_path: Path) -> None:
    own = 'demonstrations: {dialogues: ["Human: a"]}\n'
    with pytest.raises(InputError, match=r"demonstrations\.dialogues: \[0\]: a round is Human: and Assistant: turns"):
        load_constitution(written(tmp_path, GOOD + own))
    good = GOOD + "demonstrations: {comparisons: [{prompt: p, first: a, second: b, answer: second}]}\n"
    found = load_constitution(written(tmp_path, good))
    assert [(each.first, each.answer) for each in found.demonstrations.choices] == [("a", "second")]
    assert found.demonstrations.chains == ()
    assert found.demonstrations.hash and not loaded(tmp_path).demonstrations.hash
