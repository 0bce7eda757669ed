"""Requests worded by a model: what it is told, what of its words is taken, and what is refused."""

from __future__ import annotations

import pytest

from precepts.constitution import Source
from precepts.constitution.negation import negations, turned
from precepts.constitution.prose import draft, norms
from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.feedback.drafting import draft_requests, wording

TEXT = "The assistant should never:\n\n- Deceive users in ways that harm them\n\nThe assistant should be honest."
DRAFT = draft(norms(TEXT), Source(work="ours.md"), "ours")
DECEIVE = "The assistant should never: Deceive users in ways that harm them."
HONEST = "The assistant should be honest and helpful with users."


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_the_model_reads_the_whole_norm(style: str) -> None:
    asked: list[str] = []

    def answer(request: GenerateRequest) -> str:
        asked.append(said(request))
        return " never deceives users in ways that harm them."

    found, count = draft_requests(ScriptedEngine(answer), DRAFT, style, 7)  # type: ignore[arg-type]
    assert "The assistant should never: Deceive users in ways that harm them" in asked[0]
    assert count == 1  # the second norm says nothing of deceit
    first, second = found.principles
    assert first.comparison_request == "Choose the response that never deceives users in ways that harm them."
    assert first.tags == ["derived", "draft", "drafted"]
    assert second == DRAFT.principles[1]


@pytest.mark.parametrize(
    ("text", "norm", "taken"),
    [
        ("never deceives users in ways that harm them.", DECEIVE, True),
        ("does not deceive users in ways that harm them.", DECEIVE, True),
        ("avoids deceiving users in ways that harm them. More.", DECEIVE, True),
        ("deceives users in ways that harm them.", DECEIVE, False),
        ("never deceives and never harms users.", DECEIVE, False),
        ("is honest and helpful with users.", HONEST, True),
        ("is not honest and helpful with users.", HONEST, False),
        ("is less honest and helpful with users.", HONEST, False),
        ("is dishonest and helpful with users.", HONEST, False),
        ("is honest and unhelpful with users.", HONEST, False),
        ("talks about the weather of the day.", HONEST, False),
        ("is honest with users", HONEST, False),
        ("is honest.", HONEST, False),
    ],
)
def test_what_is_taken(text: str, norm: str, taken: bool) -> None:
    assert wording(text, norm) == (text.partition(".")[0] + "." if taken else None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("be kind", []),
        ("Never deceive them", [(0, "decei")]),
        ("It shouldn’t be a lie, nor unkind", [(1, "lie"), (5, "unkin")]),
        ("kind without being blind", [(1, "blind")]),
        ("do not", [(1, "")]),
    ],
)
def test_what_is_negated(text: str, found: list[tuple[int, str]]) -> None:
    assert negations(text) == found


@pytest.mark.parametrize(
    ("text", "original", "does"),
    [
        ("not lying", "never lies", True),
        ("not lying", "never lying", False),
        ("harmless", "harmful", True),
        ("honest", "dishonest", True),
        ("kind and honest", "honest and kind", False),
    ],
)
def test_what_turns_a_text_round(text: str, original: str, does: bool) -> None:
    assert turned(text, original) is does
