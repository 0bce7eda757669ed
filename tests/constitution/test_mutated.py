"""Mutated constitution files give a constitution or a clear error, never a traceback."""

from __future__ import annotations

from importlib import resources

from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.constitution import Constitution
from precepts.constitution.lint import lint
from precepts.errors import InputError
from precepts.settings import parse, parse_yaml

TEXT = (resources.files("precepts.constitution") / "starter.yaml").read_text("utf-8")
TEXT += (
    "demonstrations:\n  rounds: []\n  dialogues: ['Human: a']\n  items: [{prompt: a, corrects: [b], incorrects: [c]}]\n"
)
PIECES = [
    "\n",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "&a",
    "*a",
    "!!python/object:os.system",
    "'",
    '"',
    "\t",
    "\0",
    "#",
    "|",
]
PIECES += ["\ud7ff", "\x85", "1e999", "null", "weight: -1", "id: id", "~", "<<: *a", "? ", ">-", "%", "@", "`", "---\n"]
PIECES += ["\n\nHuman: x", "tags: [[[[]]]]", "principles:", "9" * 400, "x" * 3000]


@settings(max_examples=5000, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(TEXT)), st.integers(0, 60), st.sampled_from(PIECES) | st.text(max_size=6)),
        min_size=1,
        max_size=4,
    )
)
def test_a_mutated_file_is_read_or_refused(edits: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for place, cut, new in edits:
        text = text[:place] + new + text[place + cut :]
    try:
        constitution = parse(Constitution, parse_yaml(text, "c.yaml"))
    except InputError as error:
        assert str(error).startswith("c.yaml")
        return
    assert constitution.hash
    lint(constitution)
