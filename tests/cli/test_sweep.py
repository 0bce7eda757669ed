"""The grid of a sweep: how values are parted, what arms are called, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from precepts.cli.sweep import grid, swept, values_of
from precepts.errors import InputError
from precepts.recipe import arm_recipes, load_recipe


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("seed=1", ["1"]),
        ("seed=1,2, 3", ["1", "2", "3"]),
        ("a.b=[1,2],[3]", ["[1,2]", "[3]"]),
        ("a.b=[{x: 1, y: [2,3]}],null", ["[{x: 1, y: [2,3]}]", "null"]),
        ("description='a, b',\"c, d\"", ["'a, b'", '"c, d"']),
        ("description='it[',b", ["'it['", "b"]),
        ("description=", [""]),
    ],
)
def test_commas_part_values_but_inside_of_brackets_and_quotes(given: str, values: list[str]) -> None:
    assert values_of(given) == values


def test_an_arm_for_each_point_is_called_after_what_is_set() -> None:
    points = grid(["pm.harmless_weight=0.5,1", "pm.epochs=2.0", "seed=0,1"])
    assert list(points) == [f"pm.harmless_weight={w}+seed={s}" for w in ("0.5", "1") for s in ("0", "1")]
    assert points["pm.harmless_weight=1+seed=0"] == ["pm.harmless_weight=1", "pm.epochs=2.0", "seed=0"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("models.feedback=Org/Big,small", "models.feedback=org-big"),
        ("prompts.red_team=['x.jsonl','y.jsonl'],[z.jsonl]", "prompts.red_team=x.jsonl,y.jsonl"),
        ("rl.beta=-1,1", "rl.beta=-1"),
        ("models.start='../up',x", "models.start=..-up"),
    ],
)
def test_names_are_folders_names(given: str, name: str) -> None:
    assert next(iter(grid([given]))) == name


def test_the_recipe_of_a_sweep() -> None:
    own = load_recipe("demo").pm.harmless_weight
    recipe = swept("demo", [f"pm.harmless_weight=0.5,{own}", "sl.epochs=2.0"])
    assert recipe.sl.epochs == 2.0 and recipe.pm.harmless_weight == own
    assert recipe.arms == {"pm.harmless_weight=0.5": {"pm.harmless_weight": 0.5}, f"pm.harmless_weight={own}": {}}
    assert [arm.pm.harmless_weight for arm in arm_recipes(recipe).values()] == [0.5, own]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "no --set has several values"),
        (["seed=1"], "no --set has several values"),
        (["seed=1,2", "seed=3"], "--set seed: given twice"),
        (["seed=1,,2"], "a value between commas is empty"),
        (["seed=1,1"], "give each value once"),
        (["models.start=A,a"], "give each value once"),
        (["seed=" + ",".join(map(str, range(13))), "pm.epochs=1.0,2.0,3.0,4.0,5.0"], "65 arms are more than 64"),
        (["sed=1,2"], "unknown key 'sed'; did you mean 'seed'?"),
        (["seed=1,x"], "seed: should be an integer, found 'x'"),
    ],
)
def test_what_cannot_be_swept_is_refused(given: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        swept("demo", given)
    assert said in str(caught.value)


def test_sixty_four_are_not_too_many() -> None:
    assert len(grid(["seed=" + ",".join(map(str, range(64)))])) == 64


def test_a_recipe_with_arms_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("arms: {a: {}, b: {seed: 1}}")
    with pytest.raises(InputError, match="it has arms of its own"):
        swept(str(tmp_path / "mine.yaml"), ["seed=1,2"])
