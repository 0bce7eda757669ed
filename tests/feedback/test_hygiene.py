"""Hygiene: what each rule leaves out, what it must keep, and the caps over the set."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from precepts.feedback.hygiene import HygieneSettings, clean, closing, opening
from precepts.records import Revision


def revision(text: str, critique: str = "It hurts people.", previous: str = "Yes.", name: str = "r") -> Revision:
    sent = ("", critique, "", text, None, "stop", "m", 0, 0, 0)
    return Revision(name, "p", "x", 1, "kind", "h", "c", (), previous, *sent)


LOOP = "we can do it now " * 4
CASES = [
    (revision("No. Talk to him."), None),
    (revision(" "), "empty"),
    (revision("No.\nHuman: why?"), "role marker"),
    (revision("The human: a short history."), None),
    (revision("Sure! Here is a revised response: no."), "meta opening"),
    (revision("Here is a cake recipe."), None),
    (revision("It hurts people. They would be sorry."), "says its critique"),
    (revision("It hurts people to hear that, so talk to them first."), None),
    (revision("This does harm. Ask somebody else."), "says its critique"),
    (revision("No.", critique="No. It is cruel."), None),
    (revision("Nothing needs to change.", previous="Nothing needs to change."), "says its critique"),
    (revision("Yes."), "unchanged against its critique"),
    (revision("Yes.", critique="Nothing needs to change, it is fine."), None),
    (revision("Yes.", critique=""), None),
    (revision(LOOP), "looping"),
]


@pytest.mark.parametrize(("given", "why"), CASES)
def test_each_rule(given: Revision, why: str | None) -> None:
    kept, left_out = clean([given], HygieneSettings(), 0)
    assert (left_out, kept) == (({"r": why}, []) if why else ({}, [given]))


@pytest.mark.parametrize(
    ("off", "text"),
    [
        ({"roles": False}, "Human: no."),
        ({"meta": False}, "Here is a revised answer."),
        ({"critiques": False}, "This does harm."),
        ({"repeats": None}, LOOP),
    ],
)
def test_a_rule_can_be_turned_off(off: dict[str, bool | None], text: str) -> None:
    assert len(clean([revision(text)], HygieneSettings.model_validate(off), 0)[0]) == 1


def test_openings_are_capped_by_seeded_choice() -> None:
    same = [revision(f"I can not help you here, number {n}.", name=f"a{n}") for n in range(6)]
    other = [revision(f"Word{n} is another way to open.", name=f"b{n}") for n in range(4)]
    told = HygieneSettings(opening=0.3)
    kept, left_out = clean([*same, *other], told, 1)
    assert Counter(left_out.values()) == {"repeated opening": 3}
    assert len(kept) == 7 and kept[-4:] == other
    assert clean([*same, *other], told, 1)[0] == kept
    assert len({tuple(e.id for e in clean([*same, *other], told, seed)[0]) for seed in range(8)}) > 1


def test_a_prompt_learns_a_text_once_before_openings_are_counted() -> None:
    told = HygieneSettings(copies=True, opening=0.5)
    given = [
        revision(text, name=name) for name, text in (("a", "No, I won't."), ("b", "No, I\nwon't."), ("c", "Rest."))
    ]
    elsewhere = replace(given[0], id="d", prompt_id="q")
    kept, left_out = clean([*given, elsewhere], told, 0)
    assert (
        Counter(left_out.values()) == {"copy of another": 1, "repeated opening": 1}
        and left_out["b"] == "copy of another"
    )
    assert len(kept) == 2 and given[2] in kept and given[1] not in kept
    assert len(clean(given, HygieneSettings(), 0)[0]) == 3


def test_closings_are_capped() -> None:
    given = [revision(f"Way {n}. You are valued!", name=f"c{n}") for n in range(4)]
    kept, left_out = clean(given, HygieneSettings(closing=0.5), 0)
    assert (len(kept), [*left_out.values()]) == (2, ["repeated closing"] * 2)
    assert closing("Rest a while. You are valued!") == "you are valued"
    assert opening("Well, I can't do that, sorry.") == "well i can't do that"
