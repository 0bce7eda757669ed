"""From rows to prompts and comparisons: the forms that data comes in, and rows that are wrong or of no use."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.records import HumanComparison, Message, Prompt
from precepts.settings import parse, parse_yaml
from precepts.sources.items import read_comparisons, read_prompts
from precepts.sources.read import SourceSettings

DATA = Path(__file__).parents[2].parent / "shared" / "data"
HH = DATA / "hh_harmless_dev.jsonl"
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Bye"}]
AS_MESSAGES = (Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "Bye"))
RAW = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye"


def source(folder: Path, data: list[dict[str, Any]], **more: Any) -> SourceSettings:
    (folder / "r.jsonl").write_text("\n".join(json.dumps(row) for row in data), encoding="utf-8")
    return SourceSettings(source=str(folder / "r.jsonl"), **more)


def prompts(folder: Path, data: list[dict[str, Any]], **more: Any) -> list[Prompt | None]:
    return list(read_prompts(source(folder, data, **more), "red_team", 0.5))


def comparisons(folder: Path, data: list[dict[str, Any]], **more: Any) -> list[HumanComparison | None]:
    return list(read_comparisons(source(folder, data, **more), 0.5))


@pytest.mark.parametrize(
    ("row", "columns", "messages"),
    [
        ({"prompt": "Hi"}, {}, (Message("user", "Hi"),)),
        ({"prompt": " Hi: Human: "}, {}, (Message("user", " Hi: Human: "),)),
        ({"text": "Hi", "prompt": "no"}, {"prompt": "text"}, (Message("user", "Hi"),)),
        ({"messages": TALK}, {}, AS_MESSAGES),
        ({"messages": [{"role": "system", "content": "s"}, *TALK]}, {}, (Message("system", "s"), *AS_MESSAGES)),
        ({"messages": [*TALK, {"role": "assistant", "content": "x"}], "prompt": "no"}, {}, AS_MESSAGES),
        ({"dialogue": RAW}, {}, AS_MESSAGES),
        ({"dialogue": RAW + "\n\nAssistant: Bye."}, {}, AS_MESSAGES),
        ({"prompt": RAW + "\n\nAssistant:"}, {}, AS_MESSAGES),
        ({"chosen": RAW + "\n\nAssistant: Bye."}, {"dialogue": "chosen"}, AS_MESSAGES),
    ],
)
def test_the_forms_of_a_prompt(
    tmp_path: Path, row: dict[str, Any], columns: dict[str, str], messages: tuple[Message, ...]
) -> None:
    (prompt,) = prompts(tmp_path, [row], columns=columns)
    assert prompt is not None
    assert prompt.messages == messages
    assert (prompt.kind, prompt.source) == ("red_team", "r.jsonl")


@pytest.mark.parametrize(
    ("row", "columns", "category"),
    [
        ({"category": "theft"}, {}, "theft"),
        ({"kind": "theft"}, {}, "theft"),
        ({"category": None, "kind": 3}, {}, ""),
        ({"harm": "theft"}, {"category": "harm"}, "theft"),
    ],
)
def test_categories(tmp_path: Path, row: dict[str, Any], columns: dict[str, str], category: str) -> None:
    (prompt,) = prompts(tmp_path, [{"prompt": "Hi", **row}], columns=columns)
    assert prompt is not None
    assert prompt.category == category


@pytest.mark.parametrize(
    ("row", "columns", "said"),
    [
        ({"promt": "Hi"}, {}, "line 2: no column 'prompt'; did you mean 'promt'? (map it with 'columns')"),
        ({"a": 1, "b": 2}, {}, "line 2: no column 'prompt'; known: a, b (map it with 'columns')"),
        ({"prompt": "Hi"}, {"prompt": "text"}, "line 2: no column 'text'; known: prompt (map it with 'columns')"),
        ({"prompt": None}, {}, "line 2, prompt: expected text, found NoneType"),
        ({"prompt": ["Hi"]}, {}, "line 2, prompt: expected text, found list"),
        ({"messages": "Hi"}, {}, "line 2, messages: expected a list of {role, content}, found str"),
        (
            {"messages": [{"role": "human", "content": "Hi"}]},
            {},
            "line 2, messages: each message needs a role (system, ",
        ),
        ({"messages": [{"role": "user"}]}, {}, "line 2, messages: each message needs a role"),
        ({"messages": ["Hi"]}, {}, "line 2, messages: each message needs a role"),
        ({"dialogue": "Hi there"}, {}, "line 2, dialogue: not a dialogue: it does not begin with 'Human:'"),
        ({"dialogue": "\n\nAssistant: Hi"}, {}, "line 2, dialogue: not a dialogue"),
    ],
)
def test_a_row_without_its_fields_is_named(
    tmp_path: Path, row: dict[str, Any], columns: dict[str, str], said: str
) -> None:
    good = {"prompt": "Hi", "text": "Hi"}
    with pytest.raises(InputError) as caught:
        prompts(tmp_path, [good, row], columns=columns)
    assert str(caught.value).startswith(f"{tmp_path / 'r.jsonl'}, {said}")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ""},
        {"prompt": " \n"},
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "x"}]},
        {"dialogue": "Human:  \n\nAssistant: x"},
    ],
)
def test_a_row_of_no_use_is_none(tmp_path: Path, row: dict[str, Any]) -> None:
    assert prompts(tmp_path, [row]) == [None]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": TALK, "chosen": "good", "rejected": "bad"},
        {"prompt": RAW, "chosen": "good", "rejected": "bad"},
        {"chosen": f"{RAW}\n\nAssistant: good", "rejected": f"{RAW}\n\nAssistant: bad"},
        {"chosen": [*TALK, {"role": "assistant", "content": "good"}], "rejected": f"{RAW}\n\nAssistant: bad"},
        {"chosen": f"{RAW}\n\nAssistant:  good\n", "rejected": f"{RAW[2:]}\n\nAssistant: bad", "prompt": "unused"},
    ],
)
def test_the_forms_of_a_comparison(tmp_path: Path, row: dict[str, Any]) -> None:
    (found,) = comparisons(tmp_path, [row])
    assert found is not None
    assert (found.messages, found.chosen, found.rejected) == (AS_MESSAGES, "good", "bad")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "same", "rejected": "same"},
        {"prompt": "Hi", "chosen": " ", "rejected": "bad"},
        {"prompt": "", "chosen": "good", "rejected": "bad"},
        {"chosen": "Human: a\n\nAssistant: x", "rejected": "Human: b\n\nAssistant: y"},
        {"chosen": "Human: a\n\nAssistant: x", "rejected": "Human: a\n\nAssistant: x\n\nHuman: c\n\nAssistant: y"},
        {"chosen": "Human: a", "rejected": "Human: b"},
        {"chosen": "Human: a\n\nHuman: b", "rejected": "Human: a\n\nHuman: c"},
        {"chosen": "Human: a\n\nAssistant: b\n\nAssistant: c", "rejected": "Human: a\n\nAssistant: b\n\nAssistant: d"},
    ],
)
def test_a_comparison_of_no_use_is_none(tmp_path: Path, row: dict[str, Any]) -> None:
    assert comparisons(tmp_path, [row]) == [None]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "Hi", "chosen": "x", "rejcted": "y"}, "line 1: no column 'rejected'; did you mean 'rejcted'?"),
        ({"prompt": "Hi", "chosen": "x", "rejected": 3}, "line 1, rejected: expected text, found int"),
        ({"chosen": "x", "rejected": "y"}, "line 1: no column 'prompt'; known: chosen, rejected"),
    ],
)
def test_a_comparison_without_its_fields_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        comparisons(tmp_path, [row])
    assert str(caught.value).startswith(f"{tmp_path / 'r.jsonl'}, {said}")


def test_a_mistyped_field_in_columns_is_named() -> None:
    with pytest.raises(
        InputError, match=r"f.yaml, line 2, columns: 'promt' is no field of ours; did you mean 'prompt'"
    ):
        parse(SourceSettings, parse_yaml("source: a\ncolumns: {promt: text}", "f.yaml"))


def test_a_limit_keeps_the_same_rows_in_any_order(tmp_path: Path) -> None:
    data = [{"prompt": f"Question {index}" if index % 7 else ""} for index in range(100)]
    kept = prompts(tmp_path, data, limit=10)
    assert len(kept) == 10
    places = [data.index({"prompt": each.messages[0].content}) for each in kept if each]
    assert places == sorted(places)
    assert max(places) - min(places) > 50
    random.Random(0).shuffle(data)
    again = prompts(tmp_path, data, limit=10)
    assert {each.id for each in again if each} == {each.id for each in kept if each}
    assert {each.id for each in prompts(tmp_path, data, limit=5) if each} < {each.id for each in kept if each}
    assert len(prompts(tmp_path, data, limit=1000)) == 85


@pytest.mark.skipif(not HH.exists(), reason="needs ../shared/data/hh_harmless_dev.jsonl")
def test_real_dialogues() -> None:
    settings = SourceSettings(source=str(HH))
    found = list(read_comparisons(settings, 0.2))
    useful = [each for each in found if each]
    assert (len(found), len(found) - len(useful)) == (1163, 5)
    for each in useful:
        assert each.messages[-1].role == "user"
        assert [m.role for m in each.messages[:2]] == ["user", "assistant"][: len(each.messages)]
        assert "\n\nAssistant:" not in each.chosen + each.rejected
    share = sum(each.split == "held_out" for each in useful) / len(useful)
    assert 0.15 < share < 0.25
    as_prompts = read_prompts(settings.model_copy(update={"columns": {"dialogue": "chosen"}}), "red_team", 0.2)
    ids = {each.id for each in as_prompts if each}
    assert {each.prompt_id for each in useful} <= ids


@pytest.mark.parametrize(
    ("name", "count"),
    [("over_refusal_preferences", 927), ("helpful_preferences", 299), ("helpful_preferences_human", 429)],
)
def test_real_comparisons(name: str, count: int) -> None:
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}.jsonl")
    found = list(read_comparisons(SourceSettings(source=str(path)), 0.2))
    assert len(found) == count
    assert sum(each is not None for each in found) > 0.95 * count


def test_corrects_and_incorrects_are_compared_each_with_each(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    rows = [
        {"prompt": "\n\nHuman: Why?\n\nAssistant:", "corrects": ["Because."], "incorrects": ["No.", "Go away."]},
        {"prompt": "How?", "corrects": ["So.", "Like this."], "incorrects": ["Never."]},
    ]
    path.write_text(json.dumps(rows))
    found = [each for each in read_comparisons(SourceSettings(source=str(path)), 0.0) if each]
    assert [(e.messages[0].content, e.chosen, e.rejected) for e in found] == [
        ("Why?", "Because.", "No."),
        ("Why?", "Because.", "Go away."),
        ("How?", "So.", "Never."),
        ("How?", "Like this.", "Never."),
    ]
    limited = [each for each in read_comparisons(SourceSettings(source=str(path), limit=3), 0.0) if each]
    assert len(limited) == 3


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"prompt": "a", "corrects": ["b"]}, "item 1, incorrects: expected a list of one or more texts, found nothing"),
        ({"prompt": "a", "corrects": [], "incorrects": ["b"]}, "corrects: .* found an empty list"),
        ({"prompt": "a", "corrects": "b", "incorrects": ["b"]}, "corrects: .* found str"),
        ({"prompt": "a", "corrects": [1], "incorrects": ["b"]}, "corrects"),
        ({"corrects": ["a"], "incorrects": ["b"]}, "no column 'prompt'"),
        (["not an object"], "item 1: expected a JSON object, found list"),
    ],
)
def test_items_that_cannot_be_read(item: object, told: str, tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text(json.dumps([item]))
    with pytest.raises(InputError, match=told):
        list(read_comparisons(SourceSettings(source=str(path)), 0.0))


NAMES = st.sampled_from(["prompt", "corrects", "incorrects", "chosen", "x"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_any_json_gives_comparisons_or_a_clear_error(value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.json"
        path.write_text(json.dumps(value))
        try:
            list(read_comparisons(SourceSettings(source=str(path)), 0.0))
        except InputError as error:
            assert str(path) in str(error)
