"""The built-in ablations: the demo's own settings, one change an arm, and every stage before the change shared."""

from __future__ import annotations

from pathlib import Path

import pytest

from precepts.method import steps
from precepts.recipe import arm_recipes, load_recipe
from precepts.runs.fingerprint import fingerprint
from precepts.runs.folder import Run
from precepts.runs.walk import all_parts

FIRST = {  # the stages that an arm does not share with the whole method begin with these
    "direct-revision": {"revise"},
    "principles-1": {"audit", "revise"},
    "principles-4": {"audit", "revise"},
    "principles-16": {"audit", "revise"},
    "no-warm-up": {"warm_up"},
    "sampled-helpful": {"sl"},
    "no-refusals": {"prompts"},
    "finetuned-pm": {"pm"},
    "hard-labels": {"pm"},
    "weak-kl": {"rl"},
    "no-rl": {"rl"},
}


def test_they_are_the_demo_with_one_change_an_arm() -> None:
    recipe = load_recipe("ablations")
    demo = load_recipe("demo")
    assert recipe.model_copy(update={"arms": {}, "description": demo.description}) == demo
    changed = {name: len(changes) for name, changes in recipe.arms.items()}
    several = {"whole": 0, "no-warm-up": 2, "finetuned-pm": 5}
    assert changed == several | dict.fromkeys(FIRST.keys() - several.keys(), 1)
    assert set(recipe.arms) == {"whole", *FIRST}


@pytest.mark.parametrize("name", FIRST)
def test_an_arm_shares_what_comes_before_its_change(name: str, tiny_model: Path, tmp_path: Path) -> None:
    arms = arm_recipes(load_recipe("ablations", [f"models.start={tiny_model}"]))
    plans = {each: steps(arms[each], Run(tmp_path)) for each in ("whole", name)}
    whole, other = ({s: fingerprint(p) for s, p in all_parts(plan).items()} for plan in plans.values())
    differ = {stage for stage in whole if whole[stage] != other.get(stage)}
    needs = {step.name: set(step.needs) for step in plans["whole"]}
    assert {stage for stage in differ if not needs[stage] & differ} == FIRST[name]
