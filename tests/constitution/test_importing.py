"""Constitutions from elsewhere: the published files byte for byte, and other lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precepts.constitution import Source, load_constitution
from precepts.constitution.importing import constitution_yaml, import_constitution
from precepts.constitution.published import (
    CHAINS,
    ITEMS,
    JUDGING,
    REVISING,
    ROUNDS,
    left_out,
    recognised,
    write_published,
)
from precepts.errors import InputError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
PAPER = SHARED / "paper_prompts"
ROUND = (
    "\n\nHuman: Hi.\n\nAssistant: Fool.\n\nCritiqueRequest: Why?\n\nCritique: It insults.\n\nRevisionRequest: Mend it."
    "\n\nRevision: Hello."
)
CHAIN = (
    "\n\nHuman: Consider the following conversation between a human (H) and an assistant (A):\n\nH: Hi.\n\n{}\n"
    " (A) [[[Fool.]]]\n (B) [[[Hello.]]]\n\nAssistant: Let's think step by step:\n(B) is kind.\n\nHuman:\n"
    "So the answer is: (B)"
)
FILES: dict[str, Any] = {
    REVISING: {
        "harmful0": {
            "prompt": ["\n\nCritiqueRequest: Find  the harm\u00e9.\n\nCritique:"],
            "edit_request": "\n\nRevisionRequest: Take it out .\n\nRevision:",
        },
        "Odd Key": {
            "prompt": ["\n\nCritiqueRequest: x\n\nCritique:"],
            "edit_request": "\n\nRevisionRequest: y\n\nRevision:",
        },
    },
    JUDGING: ["\nChoose the kinder one. Options:", "\n Which is  wiser? Options:"],
    ROUNDS: [ROUND + "\n\nHuman:", ROUND],
    ITEMS: [{"prompt": "\n\nHuman: Hi.\n\nAssistant:", "corrects": [" Hello."], "incorrects": [" Fool."]}],
    CHAINS: [{"prompt": CHAIN}],
}


HF = {"constitutions": [{"critic": "Find.", "revision": "Mend."}]}


def chat(messages: int, content: str | None = "a") -> list[dict[str, str | None]]:
    return [{"role": ("user", "assistant")[n % 2], "content": content} for n in range(messages)]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "paper"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(json.dumps(data).encode())
    return folder


def test_the_published_shapes_come_back_byte_for_byte(published: Path, tmp_path: Path) -> None:
    constitution = import_constitution([published], "paper")
    assert [p.id for p in constitution.revising] == ["harmful0", "odd-key"]
    assert constitution.revising[0].critique_request == "Find  the harm\u00e9."
    assert [p.comparison_request for p in constitution.judging] == ["Choose the kinder one.", " Which is  wiser?"]
    shown = constitution.demonstrations
    assert (len(shown.critiques), len(shown.choices), len(shown.chains)) == (2, 1, 1)
    path = tmp_path / "paper.yaml"
    path.write_text(constitution_yaml(constitution), encoding="utf-8")
    again = load_constitution(str(path))
    assert again == constitution
    assert write_published(again) == {name: (published / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_each_shape_is_recognised(name: str) -> None:
    assert recognised(FILES[name]) == name


@pytest.mark.skipif(not PAPER.is_dir(), reason="needs ../shared/data/paper_prompts")
def test_the_papers_own_files_come_back_byte_for_byte(tmp_path: Path) -> None:
    constitution = import_constitution([PAPER], "paper")
    assert (len(constitution.revising), len(constitution.judging)) == (16, 16)
    shown = constitution.demonstrations
    assert (len(shown.critiques), len(shown.choices), len(shown.chains)) == (5, 5, 6)
    path = tmp_path / "paper.yaml"
    path.write_text(constitution_yaml(constitution), encoding="utf-8")
    files = write_published(load_constitution(str(path)))
    assert files == {name: (PAPER / name).read_bytes() for name in FILES}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"a": {"prompt": ["x"], "edit_request": "y"}}, "a.prompt: expected text between"),
        ({"a": {"prompt": [], "edit_request": "y"}}, "a.prompt: expected a list of one critique request"),
        ([ROUND.replace("Critique: ", "Critic: ") + "CritiqueRequest:"], "demonstrations alone"),
        ({"a": 1}, "this is no constitution that is known here"),
        (["Be kind."], "entry 1 asks for no choice"),
        ({"constitutions": [{"critic": "x"}]}, "constitutions[0]: expected 'critic' and 'revision'"),
        ({"constitutions": []}, "there is no principle in it"),
        ({"constitutions": [{"critic": "", "revision": "b"}]}, "constitutions[0]: expected 'critic'"),
        (
            {
                "a": {
                    "prompt": ["\n\nCritiqueRequest: \n\nCritique:"],
                    "edit_request": FILES[REVISING]["Odd Key"]["edit_request"],
                }
            },
            "x.json: a: a critique goes with a revision, and there is no critique_request",
        ),
        (["\n Options:"], "x.json: [0]: nothing is asked"),
        (HF | {"system_chat": [[{"role": "user"}]]}, "system_chat[0][0]: expected a message with a role and some text"),
        (HF | {"system_chat": [chat(6), chat(6, content=None)]}, "system_chat[1][0]: expected a message with a role"),
        (HF | {"system_chat": "x"}, "system_chat: expected a list of chats"),
        (HF | {"system_chat": ["x"]}, "system_chat[0]: expected a list of messages"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, data: Any, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        import_constitution([path], "x")
    assert said in str(caught.value)
    assert "x.json" in str(caught.value)


def test_the_recipe_of_hugging_face(tmp_path: Path) -> None:
    chat = [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 3, "abcdef", strict=True)]
    path = tmp_path / "cai.json"
    path.write_text(json.dumps({"constitutions": [{"critic": "Find.", "revision": "Mend."}], "system_chat": [chat]}))
    found = import_constitution([path], "hf")
    assert (found.principles[0].critique_request, found.principles[0].revision_request) == ("Find.", "Mend.")
    assert found.judging == []
    (shown,) = found.demonstrations.critiques
    assert (shown.prompt, shown.response, shown.critique, shown.revision) == ("a", "b", "d", "f")


def test_chats_of_another_shape_are_left_out_and_told(tmp_path: Path) -> None:
    path, told = tmp_path / "grok.json", list[str]()
    path.write_text(json.dumps(HF | {"system_chat": [chat(6), chat(6), chat(8), chat(6)]}))
    found = import_constitution([path], "grok", told.append)
    assert len(found.demonstrations.rounds) == 3
    assert "1 of 4 chats left out" in told[0] and "system_chat[2] (8 messages)" in told[0]
    assert "label only once you write some comparison_request" in told[1]


def test_a_stage_that_nothing_serves_is_told(published: Path) -> None:
    told = list[str]()
    import_constitution([published], "paper", told.append)
    assert told == []
    import_constitution([published / REVISING], "paper", told.append)
    import_constitution([published / JUDGING], "paper", told.append)
    assert ["how to compare" in told[0], "how to mend" in told[1]] == [True, True]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (JUDGING, lambda data: data, "their entries are the same; leave one of the two out"),
        (ITEMS, lambda data: data, "their entries are the same; leave one of the two out"),
        (JUDGING, lambda data: data[:1], "both name their entries alike"),
        (REVISING, lambda data: {"harmful0": data["Odd Key"]}, "both name their entries alike"),
    ],
)
def test_the_same_twice_is_told(published: Path, name: str, change: Callable[[Any], Any], said: str) -> None:
    (published / "again.json").write_text(json.dumps(change(FILES[name])))
    with pytest.raises(InputError, match=said) as caught:
        import_constitution([published], "x")
    assert name in str(caught.value) and "again.json" in str(caught.value)


def test_prose_in_a_list_of_sentences_is_told_where_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "values.txt"
    path.write_text("The assistant should be kind.\n")
    with pytest.raises(InputError, match=r"asks for no choice.*name a file \.md or \.markdown"):
        import_constitution([path], "x")


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({}, []),
        ({"weight": 2.0}, ["weights (1)"]),
        ({"tags": ["ours"]}, ["tags (1)"]),
        ({"id": "kind"}, ["ids and titles (1)"]),
        ({"source": Source(work="ours")}, ["sources (1)"]),
        (
            {"critique_request": "a", "revision_request": "b"},
            ["ids and titles (1)", "links between the critique and the comparison of one principle (1)"],
        ),
    ],
)
def test_what_the_published_form_cannot_hold(published: Path, changes: dict[str, Any], lost: list[str]) -> None:
    paper = import_constitution([published], "paper")
    first = paper.judging[0].model_copy(update=changes)
    others = [each for each in paper.principles if each is not paper.judging[0]]
    at = len(others) - len(paper.judging) + 1
    changed = paper.model_copy(update={"principles": [*others[:at], first, *others[at:]]})
    assert left_out(changed) == lost


@pytest.mark.parametrize("suffix", [".json", ".txt"])
def test_plain_sentences_get_derived_requests(tmp_path: Path, suffix: str) -> None:
    lines = ["Please choose the response that is kinder.", "Which response is wiser?"]
    path = tmp_path / f"x{suffix}"
    text = json.dumps(lines) if suffix == ".json" else "# Ours\n\n1. " + "\n- ".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
    found = import_constitution([path], "x")
    assert [each.comparison_request for each in found.principles] == lines
    assert all(lines[n] in each.critique_request for n, each in enumerate(found.principles))
    assert all(each.tags == ["derived"] for each in found.principles)
    assert found.principles[0].title == "response that is kinder"
