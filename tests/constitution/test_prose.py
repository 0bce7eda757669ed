"""Prose: which norms a document states, where, with what opens them, and the draft that is made of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from precepts.constitution import Source
from precepts.constitution.negation import negations
from precepts.constitution.passages import passages, stands_in
from precepts.constitution.prose import draft, norms, spread, title_of
from precepts.constitution.told import likely_agent

PROSE = Path(__file__).parents[2].parent / "shared" / "data" / "constitutions" / "claude_2026_cc0.md"
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
        ("Ours > Rules, line 8 and line 11", "Rover must never: Chase cars"),
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


NEVER, KIND, LIE = "The assistant must never:", "The assistant should be kind.", "The assistant should lie."


@pytest.mark.parametrize(
    ("text", "wholes"),
    [
        (f"It is new. {NEVER}\n\n- Lie to users", [f"{NEVER} Lie to users"]),
        ("They would not want the assistant to:\n- Lie", []),
        ("They would not want the assistant to:\n- Lie often", ["They would not want the assistant to: Lie often"]),
        ("They would be unhappy if the assistant:\n\n- Lied; the assistant should be fair", []),
        ("Bad ideas:\n\n- The assistant should lie.\n- Always flatter the user.", []),
        ("Our rules:\n\n- The assistant should be kind.\n- It rains.", [KIND]),
        ("# Rules\n\n- The assistant should be kind.", [KIND]),
        (f"{NEVER}\n\n- Lie to us\n\n  Because.\n\n- Flatter us", [f"{NEVER} Lie to us", f"{NEVER} Flatter us"]),
        (f"{NEVER}\n- Aid:\n  - Big wars\n- Flatter us", [f"{NEVER} Aid: Big wars", f"{NEVER} Flatter us"]),
        (f"{NEVER}\n- Lie to users\n  - {KIND}", [f"{NEVER} Lie to users"]),
        (f"- Things users say:\n  - {LIE}", []),
        (
            f"{NEVER}\n\n- Lie to us\n\n# More\n\n- Always be kind to us.",
            [f"{NEVER} Lie to us", "Always be kind to us."],
        ),
        (f"> {LIE}\n{LIE}\n\n{KIND}", [KIND]),
        (f"- > {LIE}", []),
        (f"| {LIE} | x |\n|---|---|", []),
        (f"<!-- {LIE}\n\n{LIE} -->\n{KIND}", [KIND]),
        (f"<!-- a\x0cb\u2028c -->\n{KIND}", [KIND]),
        ("The assistant should <!-- not --> be kind.", [KIND]),
        (f"<div>{LIE}</div>", []),
        (f"---\ntitle: {LIE}\n---\n\n{KIND}", [KIND]),
        (f"~~~\n{LIE}\n~~~", []),
    ],
)
def test_what_gives_a_norm(text: str, wholes: list[str]) -> None:
    found = norms(text)
    assert [norm.whole for norm in found] == wholes
    lines = text.splitlines()
    for norm in found:
        cited = [line for each in (*norm.leads, norm.passage) for line in lines[each.first - 1 : each.last]]
        assert stands_in(norm.whole, cited)


def test_long_norms_are_found_and_do_not_fit() -> None:
    words = " ".join(["very"] * 60)
    short, long = norms(f"The assistant should be kind.\n\nThe assistant should be {words} kind.")
    assert (short.fits, long.fits, long.place) == (True, False, "line 3")


def test_a_draft_quotes_its_norm_and_says_where() -> None:
    found = draft(norms(TEXT), Source(work="ours.md"), "ours")
    first, second = found.principles[:2]
    assert (first.source.section, first.source.quote) == ("Ours, lines 3-4", "Rover should be kind to people.")
    assert all(first.source.quote in request for request in (first.critique_request, first.comparison_request))
    assert "Choose" not in (first.critique_request or "")
    assert {"derived", "draft"} <= set(first.tags)
    assert second.title == second.source.quote == "Rover must never: Bite a person who sleeps"
    with pytest.raises(ValueError, match="states a norm"):
        draft([], Source(work="x"), "x")


@pytest.mark.parametrize(
    ("norm", "title"),
    [
        ("Claude should be kind.", "Claude should be kind"),
        ("a b c d e f g h i j k l m n", "a b c d e f g h i j k l …"),
        ("a b c d e f g h i j not l m n o p q r s t", "a b c d e f g h i j not l m n o p …"),
    ],
)
def test_a_title_keeps_the_negation(norm: str, title: str) -> None:
    assert title_of(norm) == title
    assert negations(norm) == negations(title)


@pytest.mark.skipif(not PROSE.is_file(), reason="needs ../shared/data/constitutions/claude_2026_cc0.md")
def test_every_principle_of_a_real_prose_constitution_cites_lines_that_hold_it() -> None:
    text = PROSE.read_text("utf-8")
    lines = text.splitlines()
    found = draft([norm for norm in norms(text) if norm.fits], Source(work=PROSE.name), "prose")
    assert len(found.principles) > 100
    for principle in found.principles:
        spans = re.findall(r"lines? (\d+)(?:-(\d+))?", principle.source.section.rpartition(" > ")[2])
        cited = [line for a, b in spans for line in lines[int(a) - 1 : int(b or a)]]
        assert stands_in(principle.source.quote, cited), principle.id
        assert len(negations(principle.title)) == len(negations(principle.source.quote)), principle.title
    assert len({principle.id for principle in found.principles}) == len(found.principles)
    quotes = [principle.source.quote for principle in found.principles]
    assert "Claude should never: Generate child sexual abuse material (CSAM)." in quotes
    assert not [each for each in quotes if each.startswith(("They say", "Share personal", "The key question"))]
    assert [norm.passage.first for norm in norms(text) if not norm.fits] == [202, 204, 239, 252, 300, 317]


def test_passages_keep_their_lines() -> None:
    found = [(each.first, each.last, each.item) for each in passages(TEXT)]
    assert found == [(3, 4, False), (8, 8, False), (10, 10, True), (11, 11, True), (13, 14, False)]
