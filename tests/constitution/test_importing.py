"""Constitutions from elsewhere: the published files byte for byte, other lists, and prose with its lines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from precepts.constitution import Source, load_constitution
from precepts.constitution.importing import constitution_yaml, import_constitution
from precepts.constitution.prose import Told, draft, likely_agent, norms, passages, spread, stands_in
from precepts.constitution.published import CHAINS, ITEMS, JUDGING, REVISING, ROUNDS, recognised, write_published
from precepts.errors import InputError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
PAPER = SHARED / "paper_prompts"
PROSE = SHARED / "constitutions" / "claude_2026_cc0.md"
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
        ({"constitutions": [{"critic": "a", "revision": "b"}], "system_chat": [[{"role": "user"}]]}, "system_chat[0]"),
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


TEXT = """\
# Ours

Bots are fun. Rover should be kind to people.
We hope that you like it! Should Rover ever bite?

## Rules

Rover must never:

- Bite a person **who sleeps**
- Chase [cars](http://x)

People should feed it. We want Rover to
sleep at night. This document should be read.

```
Rover must run this code.
```
"""


def test_norms_are_found_where_they_are_stated() -> None:
    assert likely_agent(TEXT) == "Rover"
    found = norms(TEXT)
    assert [(norm.place, norm.whole) for norm in found] == [
        ("Ours, lines 3-4", "Rover should be kind to people."),
        ("Ours > Rules, line 8 and line 10", "Rover must never: Bite a person who sleeps"),
        ("Ours > Rules, lines 13-14", "We want Rover to sleep at night."),
    ]
    assert [norm.sentence for norm in spread(found, 2)] == [
        "Rover should be kind to people.",
        "Bite a person who sleeps",
    ]
    lines = TEXT.splitlines()
    for norm in found:
        assert stands_in(norm.sentence, lines[norm.passage.first - 1 : norm.passage.last])
    assert not stands_in("Rover should be rude.", lines)


@pytest.mark.parametrize(
    ("sentence", "is_one"),
    [
        ("The assistant should say why.", True),
        ("You must not lie.", True),
        ("We want it to be honest with people.", True),
        ("Never reveal a person's address.", True),
        ("Users should read the manual.", False),
        ("We want to build safe systems.", False),
        ("Should the assistant lie?", False),
        ("The assistant is fast.", False),
        ("As this section says, the assistant should be kind.", False),
        ("We also discuss how the assistant should weigh costs.", False),
        ("We do this because we expect the assistant's reasoning to draw on ours.", False),
        ("Some questions about the assistant may never be resolved.", False),
        ("Tell the assistant the things it needs to know.", False),
    ],
)
def test_what_states_a_norm(sentence: str, is_one: bool) -> None:
    assert Told("assistant")(sentence) is is_one


def test_a_draft_quotes_its_norm_and_says_where(tmp_path: Path) -> None:
    found = draft(norms(TEXT), Source(work="ours.md"), "ours")
    first = found.principles[0]
    assert (first.source.section, first.source.quote) == ("Ours, lines 3-4", "Rover should be kind to people.")
    assert all(first.source.quote in request for request in (first.critique_request, first.comparison_request))
    assert "Choose" not in (first.critique_request or "")
    assert {"derived", "draft"} <= set(first.tags)
    with pytest.raises(ValueError, match="states a norm"):
        draft([], Source(work="x"), "x")


@pytest.mark.skipif(not PROSE.is_file(), reason="needs ../shared/data/constitutions/claude_2026_cc0.md")
def test_every_principle_of_a_real_prose_constitution_cites_lines_that_hold_it() -> None:
    text = PROSE.read_text("utf-8")
    lines = text.splitlines()
    found = draft(norms(text), Source(work=PROSE.name), "prose")
    assert len(found.principles) > 100
    for principle in found.principles:
        spans = re.findall(r"lines? (\d+)(?:-(\d+))?", principle.source.section.rpartition(" > ")[2])
        assert spans, principle.source.section
        assert any(stands_in(principle.source.quote, lines[int(a) - 1 : int(b or a)]) for a, b in spans), principle.id
    assert len({principle.id for principle in found.principles}) == len(found.principles)


def test_passages_keep_their_lines() -> None:
    found = [(each.first, each.last, each.item) for each in passages(TEXT)]
    assert found == [(3, 4, False), (8, 8, False), (10, 10, True), (11, 11, True), (13, 14, False)]
