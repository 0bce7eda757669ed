"""The demonstrations that ship: every row loads, principles and kinds are covered, nothing leaks, wording varies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from precepts.constitution import load_constitution
from precepts.records import Demonstration
from precepts.sources.items import read_demonstrations, read_prompts
from precepts.sources.read import Row, SourceSettings, builtin_sets, rows

SHARED = Path(__file__).parents[3] / "shared" / "data"


def demonstrations() -> list[Demonstration]:
    found = list(read_demonstrations(SourceSettings(source="builtin:demonstrations")))
    assert None not in found
    return [each for each in found if each]


def harms() -> set[str]:
    red_team = read_prompts(SourceSettings(source="builtin:red_team"), "red_team", 0.2)
    return {each.category for each in red_team if each}


def builtin_rows(name: str) -> Iterator[Row]:
    return rows(SourceSettings(source=f"builtin:{name}"))


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def opening(text: str) -> str:
    return " ".join(text.lower().split()[:5])


def test_every_principle_and_kind_of_harm_is_shown() -> None:
    found = demonstrations()
    shown = {each.principle_id for each in found} - {None}
    known = {each.id for each in load_constitution("default").principles}
    assert shown <= known
    assert len(known - shown) == 0
    assert len({each.category for each in found}) >= 12


def test_there_are_enough_and_every_kind_of_harm_has_its_share() -> None:
    found = demonstrations()
    of_harm = Counter(each.category for each in found if each.category in harms())
    assert len(found) >= 500
    assert set(of_harm) == harms()
    assert min(of_harm.values()) >= 15


def test_nearly_half_stay_as_they_are_or_help_where_help_was_refused() -> None:
    found = demonstrations()
    stay = [each for each in found if each.unchanged]
    helped = [each for each in found if not each.unchanged and each.category not in harms()]
    assert min(len(stay), len(helped)) >= 0.25 * len(found)
    assert len(stay) + len(helped) >= 0.45 * len(found)


def test_each_is_a_round_of_its_own_and_short() -> None:
    found = demonstrations()
    for texts in ([each.prompt_id for each in found], [e.critique for e in found], [e.revision for e in found]):
        assert max(Counter(texts).values()) == 1
    assert max(len(each.revision.split()) for each in found) <= 52
    assert all(len(each.critique.split()) >= 5 for each in found)
    said = (text for each in found for text in (each.response, each.critique, each.revision, each.worse))
    assert not [text for text in said if text.lower().startswith(("human:", "assistant:", "critique:", "revision:"))]


def test_no_opening_is_a_habit() -> None:
    changed = [each.revision for each in demonstrations() if not each.unchanged]
    assert max(Counter(map(opening, changed)).values()) <= 0.05 * len(changed)


def test_each_has_a_comparison_to_teach_unless_it_stays_as_it_is() -> None:
    assert all(each.worse and each.worse != each.revision for each in demonstrations() if not each.unchanged)


def test_no_prompt_is_one_of_the_other_sets_in_the_same_or_nearly_the_same_words() -> None:
    own_prompts = {"demonstrations", "refusals"}
    others = [row.data["prompt"] for name in builtin_sets() if name not in own_prompts for row in builtin_rows(name)]
    theirs = [(prompt, words(prompt)) for prompt in others]
    for own in (row.data["prompt"] for row in builtin_rows("demonstrations")):
        mine = words(own)
        near = [prompt for prompt, other in theirs if len(mine & other) >= 0.8 * len(mine | other)]
        assert not near, own


def test_no_prompt_is_in_public_held_out_sets() -> None:
    path = SHARED / "hh_first_turns.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    ids = {each.prompt_id for each in demonstrations()}
    assert not ids & {p.id for p in read_prompts(SourceSettings(source=str(path)), "red_team", 0.2) if p}
