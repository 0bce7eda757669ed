"""Suites: how a name or a file becomes one, what is left out of it, and what a run's model is not asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from handmade import write
from precepts.errors import InputError
from precepts.evaluating.suites import BUILTIN_SUITES, find_suites, load_suite, trained_on
from precepts.records import HumanComparison, Message, Prompt, messages_id
from precepts.runs.folder import Run
from precepts.sources.items import read_prompts
from precepts.sources.read import SourceSettings

PAIR = {"prompt": "Say it.", "chosen": "kind", "rejected": "rude"}


def file_of(folder: Path, *rows: dict[str, Any], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_without_names_the_built_in_suites() -> None:
    assert [each.kind for each in find_suites([])] == [
        "harmful", "safe_sounding", "helpful", "comparisons", "references",
    ]  # fmt: skip
    for suite in BUILTIN_SUITES.values():
        found = load_suite(suite, 5)
        assert (len(found.items), found.left_out) == (5, {})


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (PAIR, "comparisons"),
        ({"prompt": "a", "corrects": ["b"], "incorrects": ["c"]}, "comparisons"),
        ({"prompt": "a", "reference": "b"}, "references"),
        ({"prompt": "a", "kind": "x"}, "prompts"),
        ({"messages": [{"role": "user", "content": "a"}]}, "prompts"),
    ],
)
def test_the_first_row_tells_the_kind(row: dict[str, Any], kind: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, row)
    (suite,) = find_suites([str(path)])
    assert (suite.name, suite.kind) == ("rows.jsonl", kind)
    assert len(load_suite(suite, None).items) == 1


def test_a_kind_is_set_and_a_source_has_its_other_keys(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"question": "a", "answer": "b"}, {"question": "c", "answer": "d"})
    harmful, answers = find_suites(
        [
            f"harmful={{source: {path}, columns: {{prompt: question}}, limit: 1}}",
            f"{{source: {path}, columns: {{prompt: question, reference: answer}}}}",
        ]
    )
    assert (harmful.kind, answers.kind) == ("harmful", "references")
    (prompt,) = load_suite(harmful, None).items
    assert prompt.kind == "harmful" and prompt.messages[-1].content in "ac"
    assert [each.text for each in load_suite(answers, None).items] == ["b", "d"]
    assert [each.kind for each in find_suites(["builtin:red_team", "builtin:helpful"])] == ["harmful", "helpful"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["harmfull"], "no built-in suite and no file; did you mean 'harmful'?"),
        (["hamful=rows.jsonl"], "'hamful' is no kind of suite; did you mean 'harmful'?"),
        (["helpful", "helpful"], "given twice"),
        (["none.jsonl"], "there is no such file"),
        (["empty.jsonl"], "it has no rows"),
        (["harmful={sourc: x}"], "unknown key 'sourc'"),
    ],
)
def test_what_is_no_suite(names: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError) as error:
        find_suites(names)
    assert told in str(error.value)


def test_rows_without_use_and_twice_are_left_out_before_the_limit(tmp_path: Path) -> None:
    texts = ["", "one", "One ", "two", "three"]
    path = file_of(tmp_path, *({"prompt": text} for text in texts))
    found = load_suite(find_suites([f"helpful={path}"])[0], None)
    assert [each.messages[0].content for each in found.items] == ["one", "two", "three"]
    assert found.left_out == {"given twice": 1, "of no use": 1}
    assert len(load_suite(find_suites([f"helpful={path}"])[0], 3).items) == 3
    nothing = file_of(tmp_path, {"prompt": " "}, name="nothing.jsonl")
    with pytest.raises(InputError, match="nothing in it can be used; 1 of no use"):
        load_suite(find_suites([f"harmful={nothing}"])[0], None)


def a_run(folder: Path) -> Path:
    """A run that was trained on most built-in red-team prompts and on one comparison."""
    prompts = [each for each in read_prompts(SourceSettings(source="builtin:red_team"), "red_team", 0.2) if each]
    messages = (Message("user", "Say it."),)
    compared = HumanComparison("c", messages_id(messages), "train", "", "", messages, "kind", "rude")
    write(Run(folder), "prompts", {"prompts": (Prompt, prompts), "comparisons": (HumanComparison, [compared])})
    (folder / "recipe.yaml").write_text("seed: 1\n")
    (folder / "models" / "rl").mkdir(parents=True)
    return folder


def test_a_runs_model_is_not_asked_what_it_was_trained_on(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    trained = trained_on(str(run / "models" / "rl"))
    found = load_suite(BUILTIN_SUITES["harmful"], None, trained)
    assert found.left_out == {"trained on": 183 - len(found.items)}
    assert 20 < len(found.items) < 60 and not {each.id for each in found.items} & trained
    assert len(load_suite(BUILTIN_SUITES["harmful"], 16, trained).items) == 16
    path = file_of(tmp_path, PAIR, {**PAIR, "prompt": "Say more."})
    assert load_suite(find_suites([str(path)])[0], None, trained).left_out == {"trained on": 1}
    assert trained_on("smollm2-135m") == trained_on(str(tmp_path)) == frozenset()


def test_a_run_is_no_model(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    with pytest.raises(InputError, match=r"this is a run; name one of its models: .*run/models/rl$"):
        trained_on(str(run))
