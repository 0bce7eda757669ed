"""Raw dialogues: where a turn begins, and where two dialogues part."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.dialogue import is_dialogue, parse_dialogue, shared_prompt
from precepts.records import Message


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("\n\nHuman: Hi\n\nAssistant: Yes?", [("user", "Hi"), ("assistant", "Yes?")]),
        ("Human: Hi", [("user", "Hi")]),
        (" \n \n\nHuman: Hi ", [("user", "Hi")]),
        ("\n\nHuman:Hi\n\nAssistant:", [("user", "Hi"), ("assistant", "")]),
        ("Human: He said:\nAssistant: no\n\nor Human: yes", [("user", "He said:\nAssistant: no\n\nor Human: yes")]),
        ("Human: a\n\n\n\nAssistant: b", [("user", "a"), ("assistant", "b")]),
        ("Human: a\n\nHuman: b", [("user", "a"), ("user", "b")]),
    ],
)
def test_turns(text: str, turns: list[tuple[str, str]]) -> None:
    assert is_dialogue(text)
    assert parse_dialogue(text) == tuple(Message(role, said) for role, said in turns)


@pytest.mark.parametrize("text", ["", "Hi", "Hi\n\nHuman: there", "human: Hi", "Assistant: Hi"])
def test_other_text_is_no_dialogue(text: str) -> None:
    assert not is_dialogue(text)
    with pytest.raises(ValueError, match="does not begin with 'Human:'"):
        parse_dialogue(text)


def test_two_dialogues_part_at_the_last_turn() -> None:
    start = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:"
    parts = shared_prompt(parse_dialogue(f"{start} good"), parse_dialogue(f"{start} bad"))
    assert parts == ((Message("user", "a"), Message("assistant", "b"), Message("user", "c")), "good", "bad")
    earlier = parse_dialogue(f"{start.replace('b', 'x')} bad")
    assert shared_prompt(parse_dialogue(f"{start} good"), earlier) is None


@given(st.lists(st.sampled_from(["\n\n", "\n", "Human:", "Assistant:", " ", "x", "\n\nHuman: "]), max_size=12))
@settings(deadline=None, max_examples=100)
def test_whatever_begins_as_a_dialogue_parses(pieces: list[str]) -> None:
    text = "".join(pieces)
    if is_dialogue(text):
        turns = parse_dialogue(text)
        assert turns[0].role == "user"
        assert all(turn.content == turn.content.strip() for turn in turns)
    else:
        with pytest.raises(ValueError, match="not a dialogue"):
            parse_dialogue(text)
