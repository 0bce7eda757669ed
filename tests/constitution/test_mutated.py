"""Mutated constitution files give a constitution that can be shown or a clear error, never a traceback."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from importlib import resources

from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.cli.show import show_constitution
from precepts.constitution import Constitution
from precepts.constitution.lint import lint
from precepts.errors import InputError
from precepts.report.constitution_page import constitution_page
from precepts.settings import parse, parse_yaml

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
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
PIECES += ["\x1b[2J", '"\\e]0;x\\a"', '"\\ud83d"', "'<script>x</script>'", '"\\r"', "\u202e", "\ud83d"]
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
    shown = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(shown, "utf-8")) as sink:
        show_constitution(constitution)
        sink.flush()
    assert not OBEYED.search(shown.getvalue().decode())
    page = constitution_page(constitution, lint(constitution)).encode().decode()
    assert not OBEYED.search(page) and "<script" not in page
