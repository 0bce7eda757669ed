"""The two shapes of a conversation, to the letter."""

from __future__ import annotations

import json

import pytest

from precepts.prompts.formats import Turn, as_sent, plain, render, stops, turns_of
from precepts.records import Message, Messages

TURNS = [
    Turn("human", "Hi\n\nthere "),
    Turn("assistant", "Hello."),
    Turn("critique_request", "What is wrong?"),
    Turn("critique", "Nothing."),
    Turn("revision_request", "Rewrite."),
]
TALK: Messages = (Message("system", "Be kind."), Message("user", "Hi"), Message("assistant", "Hello."))


def test_raw_is_the_published_layout() -> None:
    assert render(TURNS, "revision", "raw") == (
        "\n\nHuman: Hi\n\nthere \n\nAssistant: Hello.\n\nCritiqueRequest: What is wrong?\n\nCritique: Nothing."
        "\n\nRevisionRequest: Rewrite.\n\nRevision:"
    )


def test_chat_puts_requests_in_the_users_role() -> None:
    assert render(TURNS, "revision", "chat") == (
        Message("user", "Hi\n\nthere "),
        Message("assistant", "Hello."),
        Message("user", "What is wrong?"),
        Message("assistant", "Nothing."),
        Message("user", "Rewrite."),
    )


def test_a_system_message_is_kept_in_chat_and_left_out_of_raw() -> None:
    turns = turns_of(TALK)
    assert turns == [Turn("system", "Be kind."), Turn("human", "Hi"), Turn("assistant", "Hello.")]
    assert render(turns, "assistant", "chat") == TALK
    assert render(turns, "assistant", "raw") == "\n\nHuman: Hi\n\nAssistant: Hello.\n\nAssistant:"


@pytest.mark.parametrize("expect", ["assistant", "critique", "revision"])
def test_every_label_that_may_follow_stops_a_raw_turn(expect: str) -> None:
    assert "\n\nHuman:" in stops("raw")
    label = str(render([], expect, "raw"))
    assert label in stops("raw")
    assert stops("chat") == ()


def test_plain_names_the_speakers() -> None:
    assert plain(TALK) == "System: Be kind.\n\nHuman: Hi\n\nAssistant: Hello."
    assert plain(()) == ""


def test_what_was_sent_is_kept_as_one_text() -> None:
    assert as_sent("\n\nHuman: é") == "\n\nHuman: é"
    assert json.loads(as_sent((Message("user", 'é "x"'),))) == [{"role": "user", "content": 'é "x"'}]
    assert "é" in as_sent((Message("user", "é"),))
