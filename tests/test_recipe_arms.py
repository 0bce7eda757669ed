"""Arms of a recipe: what an arm changes, how it is written, and what is said of a mistake in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from precepts.errors import InputError
from precepts.recipe import Recipe, arm_recipes, compared, load_recipe, recipe_yaml, seeded

TEXT = """\
constitution: default
preferences: {harmless_comparisons: ['builtin:comparisons']}
sl: {lora: null}
pm: {epochs: 2.0}
arms:
  rl-cai:
  rlhf: {preferences.harmless: human, pm: {harmless_weight: 0.5}, constitution: {sample: 3}}
  other:
    prompts.red_team: [mine.jsonl]
    sl: {lora: {rank: 2}}
    pm.epochs: 2.0
"""


def written(folder: Path, text: str, name: str = "mine.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_arms_change_what_they_name_and_keep_the_rest(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, TEXT))
    arms = arm_recipes(recipe)
    assert list(arms) == ["rl-cai", "rlhf", "other"]
    assert arms["rl-cai"] == recipe.model_copy(update={"arms": {}})
    rlhf, other = arms["rlhf"], arms["other"]
    assert (rlhf.preferences.harmless, rlhf.pm.harmless_weight, rlhf.pm.epochs) == ("human", 0.5, 2.0)
    assert (rlhf.constitution.source, rlhf.constitution.sample) == ("default", 3)
    assert other.sl.lora is not None and other.sl.lora.rank == 2
    assert other.prompts.red_team[0].source == str(tmp_path / "mine.jsonl")
    assert not any(arm.arms for arm in arms.values())


def test_a_loaded_recipe_keeps_the_fewest_changes_and_reads_back_the_same(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, TEXT))
    assert recipe.arms["rl-cai"] == {}
    assert recipe.arms["rlhf"] == {
        "preferences.harmless": "human",
        "pm.harmless_weight": 0.5,
        "constitution.sample": 3,
    }
    assert set(recipe.arms["other"]) == {"prompts.red_team", "sl.lora"}  # pm.epochs is the recipe's own
    assert load_recipe(written(tmp_path, recipe_yaml(recipe), "recipe.yaml")) == recipe


def test_a_recipe_without_arms_has_no_word_of_them() -> None:
    assert "arms" not in recipe_yaml(Recipe())
    assert "arms" not in recipe_yaml(load_recipe("demo"))


def test_set_has_the_last_word_in_every_arm(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, TEXT), ["pm.harmless_weight=3", "arms.new.seed=4", "constitution.sample=2"])
    arms = arm_recipes(recipe)
    assert {arm.pm.harmless_weight for arm in arms.values()} == {3.0}
    assert {arm.constitution.sample for arm in arms.values()} == {2}
    assert arms["new"].seed == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("arms:\n  x:\n    preferences.harmles: human", "mine.yaml, arm x, line 3, preferences.harmles: unknown key "),
        ("arms: {x: {preferences.harmles: human}}", "did you mean 'harmless'?"),
        (
            "arms:\n  x:\n    pm:\n      epohcs: 1",
            "arm x, line 4, pm.epohcs: unknown key 'epohcs'; did you mean 'epochs'",
        ),
        ("arms:\n  x: {seed: '1'}", "arm x, line 2, seed: should be an integer"),
        ("arms: {x: {seed.more: 3}}", "arm x, line 1, seed: should be an integer, found a mapping"),
        ("seed: 1\narms: {x: {seed.more: 3}}", "'seed' holds a value and has no keys below it"),
        ("arms: {x: {pm..epochs: 3}}", "write a key as stage.setting"),
        ("arms: {x: {arms: {}}}", "the arm 'x' has arms of its own"),
        ("arms: {x: {arms.y: {}}}", "the arm 'x' has arms of its own"),
        ("arms: {RLHF: {}}", "'RLHF' cannot be an arm's name"),
        ("arms: {../up: {}}", "'../up' cannot be an arm's name"),
        ("arms: {x: 3}", "arms.x: should be a dictionary, found 3"),
        ("arms: [x]", "arms: should be a dictionary, found a list"),
        ("amrs: {x: {}}", "did you mean 'arms'?"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(written(tmp_path, text))
    assert said in str(caught.value)


def test_recipes_become_arms_of_one() -> None:
    base = Recipe()
    other = base.model_copy(update={"seed": 3, "pm": base.pm.model_copy(update={"epochs": 2.0})})
    recipe = compared(base, {"same": base, "other": other})
    assert recipe.arms == {"same": {}, "other": {"seed": 3, "pm.epochs": 2.0}}
    assert arm_recipes(recipe)["other"] == other
    with pytest.raises(InputError, match="cannot be an arm's name"):
        compared(base, {"a" * 121: other})


def test_seeds_are_arms_from_the_recipes_own_seed_on(tmp_path: Path) -> None:
    plain = load_recipe("demo", ["seed=5"])
    arms = arm_recipes(seeded(plain, 3))
    assert list(arms) == ["seed=5", "seed=6", "seed=7"]
    assert [arm.seed for arm in arms.values()] == [5, 6, 7]
    assert arms["seed=6"] == plain.model_copy(update={"seed": 6})


def test_arms_get_as_many_seeds_each(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, "seed: 1\narms: {soft: {}, hard: {pm.labels: hard, seed: 4}}"))
    arms = arm_recipes(seeded(recipe, 2))
    assert {name: (arm.pm.labels, arm.seed) for name, arm in arms.items()} == {
        "soft+seed=1": ("soft", 1),
        "soft+seed=2": ("soft", 2),
        "hard+seed=4": ("hard", 4),
        "hard+seed=5": ("hard", 5),
    }
