"""The sets that ship: enough of each kind, and nothing twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import resources

import pytest

from precepts.prompts.demonstrations import comparison_demonstrations, critique_demonstrations
from precepts.records import HumanComparison, Prompt
from precepts.sources.items import read_comparisons, read_prompts
from precepts.sources.read import SourceSettings, builtin_sets, rows, source_path

SETS = {"red_team": (160, 10), "helpful": (160, 8), "safe_sounding": (60, 8)}


def prompts(name: str) -> list[Prompt]:
    found = list(read_prompts(SourceSettings(source=f"builtin:{name}"), name, 0.2))
    assert None not in found
    return [each for each in found if each]


def comparisons() -> list[HumanComparison]:
    found = list(read_comparisons(SourceSettings(source="builtin:helpfulness"), 0.2))
    assert None not in found
    return [each for each in found if each]


def test_the_sets_that_ship() -> None:
    names = ["comparisons", "demonstrations", "helpful", "helpfulness", "red_team", "refusals", "safe_sounding"]
    assert builtin_sets() == names


@pytest.mark.parametrize("name", SETS)
def test_there_are_enough_prompts_of_enough_kinds(name: str) -> None:
    count, kinds = SETS[name]
    found = Counter(prompt.category for prompt in prompts(name))
    assert found.total() >= count
    assert len(found) >= kinds
    assert min(found.values()) >= 4


def test_there_are_enough_comparisons() -> None:
    found = comparisons()
    assert len(found) >= 120
    assert {each.category for each in found} == {"evasive", "wrong", "rambling", "unhelpful"}
    assert len({text for each in found for text in (each.chosen, each.rejected)}) == 2 * len(found)
    longer = sum(len(each.chosen) > len(each.rejected) for each in found) / len(found)
    assert 0.35 < longer < 0.65


def test_needless_refusals_are_made_of_demonstrations() -> None:
    demonstrations = lines("demonstrations")
    helped = {(row["prompt"], row["revision"]): row["response"] for row in demonstrations}
    harmful = {row["kind"] for row in lines("red_team")}
    refusals = [row["revision"] for row in demonstrations if row["kind"] in harmful]
    kinds = {row["prompt"]: row["kind"] for row in demonstrations}
    found = lines("refusals")
    for row in found:
        mended = helped[row["prompt"], row["chosen"]]
        assert kinds[row["prompt"]] not in harmful and row["chosen"] != row["rejected"]
        assert row["rejected"] == mended or any(each.startswith(row["rejected"]) for each in refusals), row
    longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in found) / len(found)
    assert 0.4 < longer < 0.6


def test_no_prompt_is_in_two_places() -> None:
    ids = Counter(prompt.id for name in SETS for prompt in prompts(name))
    ids.update(each.prompt_id for each in comparisons())
    assert [each for each, times in ids.items() if times > 1] == []
    shown = {each.prompt.lower() for each in critique_demonstrations()}
    shown |= {each.prompt.lower() for each in comparison_demonstrations()}
    assert not shown & {prompt.messages[0].content.lower() for name in SETS for prompt in prompts(name)}


def test_the_readme_counts_what_is_there() -> None:
    text = (resources.files("precepts.sources") / "builtin" / "README.md").read_text("utf-8")
    told = {name: int(count) for name, count in re.findall(r"^\| `(\w+)\.jsonl` \| (\d+) \|", text, re.MULTILINE)}
    assert told == {name: len(list(rows(SourceSettings(source=f"builtin:{name}")))) for name in builtin_sets()}


@pytest.mark.parametrize("name", SETS)
def test_both_sides_of_the_split_have_prompts(name: str) -> None:
    sides = Counter(prompt.split for prompt in prompts(name))
    assert 0.1 < sides["held_out"] / sides.total() < 0.3


def test_the_comparisons_that_measure_a_judge_give_cheap_cues_nothing() -> None:
    path = source_path("builtin:comparisons")
    data = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(data) >= 240
    assert len({row["prompt"] for row in data}) == len(data)
    texts = [row[name] for row in data for name in ("chosen", "rejected")]
    assert len(set(texts)) == len(texts)
    groups = {row["kind"].partition(":")[0] for row in data}
    assert groups == {"harm", "helpful", "honest", "over_refusal"}
    assert len({row["kind"] for row in data if row["kind"].startswith("harm")}) >= 12
    for group in (*sorted(groups), ""):
        rows = [row for row in data if row["kind"].startswith(group)]
        longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in rows) / len(rows)
        assert 0.45 <= longer <= 0.55, (group, longer)
    openings = Counter(" ".join(text.lower().split()[:3]) for text in texts)
    assert max(openings.values()) <= 0.04 * len(texts)
    others = {row["prompt"] for name in builtin_sets() if name != "comparisons" for row in lines(name)}
    assert not others & {row["prompt"] for row in data}


def lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in source_path(f"builtin:{name}").read_text("utf-8").splitlines()]
