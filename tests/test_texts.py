"""Which characters a text may hold, and how others are shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.texts import CONTROL, escaped, refuse_unfit, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é, 漢, \U0001f600\u200d\u2640, עברית\u200f", None),
        ("two\nlines\tand a tab", None),
        ("\x1b[2J\x1b]0;title\x07", "\ufffd[2J\ufffd]0;title\ufffd"),
        ("8 bits: \x9b2J \x90q \x9d", "8 bits: \ufffd2J \ufffdq \ufffd"),
        ("over\rwritten, kept\r\nline", "over\ufffdwritten, kept\nline"),
        ("a\x00b\x08c\x7f", "a\ufffdb\ufffdc\ufffd"),
        ("\u202etxt.exe \u2066x\u2069", "\ufffdtxt.exe \ufffdx\ufffd"),
        ("half \ud83d, \udc00", "half \ufffd, \ufffd"),
    ],
)
def test_what_a_terminal_would_obey_is_a_mark(text: str, shown: str | None) -> None:
    assert visible(text) == (text if shown is None else shown)


@given(st.text(st.characters()))
def test_json_can_be_shown_and_loses_nothing(text: str) -> None:
    told = escaped(json.dumps({"v": text}, ensure_ascii=False))
    assert not CONTROL.search(told)
    assert json.loads(told) == {"v": text}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\n\tb \u202e \xad", ""),
        (["a", {"b": 1}, None], ""),
        ("a\rb", "the character U+000D has no place in a text; take it out"),
        (["a", "\x85"], r"\[1\]: the character U\+0085"),
        ({"a": ["\udc00"]}, r"\[a\]: \[0\]: U\+DC00 is half a character; write the whole one, or take it out"),
        ({"\x1b": "a"}, "\\[\ufffd\\]: the character U\\+001B"),
    ],
)
def test_what_a_file_may_not_hold(value: object, said: str) -> None:
    if not said:
        refuse_unfit(value)
        return
    with pytest.raises(ValueError, match=said.replace("U+", r"U\+") if "\\" not in said else said):
        refuse_unfit(value)
