"""The prompts of critique and revision: what stands in them, in which order, in both styles."""

from __future__ import annotations

import pytest

from precepts.constitution import Principle, Source
from precepts.feedback.critique_revision import critique_prompt, revision_prompt
from precepts.prompts.demonstrations import critique_demonstrations
from precepts.prompts.formats import Rendered
from precepts.records import Message

SHOTS = critique_demonstrations()
PRINCIPLE = Principle(
    id="kind",
    title="Be kind",
    source=Source(work="this test"),
    critique_request="Say what is unkind.",
    revision_request="Make it kind.",
    comparison_request="Choose the kinder.",
)
ASKED = (Message("user", "Insult him."), Message("assistant", "Who?"), Message("user", "Bob."))
SYSTEM = Message("system", "Answer briefly.")


def test_a_raw_critique_prompt_word_for_word() -> None:
    assert critique_prompt(ASKED, "Bob is {a fool}.", PRINCIPLE, "raw") == (
        "\n\nHuman: Insult him.\n\nAssistant: Who?\n\nHuman: Bob.\n\nAssistant: Bob is {a fool}."
        "\n\nCritiqueRequest: Say what is unkind.\n\nCritique:"
    )


def test_a_raw_revision_prompt_goes_on_from_the_critique() -> None:
    critique = critique_prompt(ASKED, "Bob is a fool.", PRINCIPLE, "raw", SHOTS[:2])
    revision = revision_prompt(ASKED, "Bob is a fool.", PRINCIPLE, "It insults.", "raw", SHOTS[:2])
    assert revision == f"{critique} It insults.\n\nRevisionRequest: Make it kind.\n\nRevision:"


def test_a_chat_puts_requests_in_the_users_turn() -> None:
    prompt = revision_prompt((SYSTEM, *ASKED), "Bob is a fool.", PRINCIPLE, "It insults.", "chat")
    assert prompt == (
        SYSTEM,
        *ASKED,
        Message("assistant", "Bob is a fool."),
        Message("user", "Say what is unkind."),
        Message("assistant", "It insults."),
        Message("user", "Make it kind."),
    )


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_a_direct_revision_has_no_critique_anywhere(style: str) -> None:
    prompt = revision_prompt(ASKED, "Bob is a fool.", PRINCIPLE, None, style, SHOTS[:3])  # type: ignore[arg-type]
    text = as_text(prompt)
    assert PRINCIPLE.critique_request not in text
    assert PRINCIPLE.revision_request in text
    for shot in SHOTS:
        assert shot.critique_request not in text
        assert shot.critique not in text


@pytest.mark.parametrize("shots", [0, 1, 3, 99])
def test_shots_are_the_first_demonstrations_whole_and_in_order(shots: int) -> None:
    prompt = critique_prompt(ASKED, "Bob.", PRINCIPLE, "chat", SHOTS[:shots])
    kept = SHOTS[:shots]
    assert len(prompt) == 6 * len(kept) + len(ASKED) + 2
    for n, shot in enumerate(kept):
        told = [shot.prompt, shot.response, shot.critique_request, shot.critique, shot.revision_request, shot.revision]
        round_ = prompt[6 * n : 6 * n + 6]
        assert [each.content for each in round_ if isinstance(each, Message)] == told
        assert [each.role for each in round_ if isinstance(each, Message)] == ["user", "assistant"] * 3


@pytest.mark.parametrize("style", ["chat", "raw"])
@pytest.mark.parametrize("critique", ["It insults.", None])
def test_the_few_shot_prefix_is_the_same_for_every_item(style: str, critique: str | None) -> None:
    other = PRINCIPLE.model_copy(update={"critique_request": "Name the harm.", "revision_request": "Undo the harm."})
    prompts = [
        revision_prompt((Message("user", text),), f"{text}!", principle, critique, style, SHOTS[:4])  # type: ignore[arg-type]
        for text, principle in (("Shout at her.", PRINCIPLE), ("Bake bread.", other))
    ]
    first, second = map(as_text, prompts)
    with_shots, without = (
        as_text(revision_prompt((), "", PRINCIPLE, critique, style, SHOTS[:shots]))  # type: ignore[arg-type]
        for shots in (4, 0)
    )
    shared = len(with_shots) - len(without)
    assert shared > 1000
    assert first[:shared] == second[:shared]


def as_text(prompt: Rendered) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(f"{each.role}: {each.content}" for each in prompt)
