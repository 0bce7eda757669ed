"""The recipe: its defaults, its short forms, its paths, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.recipe import Recipe, arm_recipes, builtin_recipes, load_recipe, recipe_text, recipe_yaml
from precepts.settings import parse, parse_yaml


def written(folder: Path, text: str, name: str = "mine.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_the_defaults_are_the_papers_where_it_gives_one(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, "seed: 0"))
    assert recipe == Recipe()
    assert recipe.revise.rounds == 4
    assert recipe.respond.helpful_samples == 2
    assert recipe.pm.labels == "soft"
    assert recipe.rl.max_tokens == 128
    assert recipe.label.both_orders


@pytest.mark.parametrize("name", builtin_recipes())
def test_every_built_in_recipe_loads(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.description
    assert recipe.load_constitution().principles
    told = parse(Recipe, parse_yaml(recipe_text(name), name))  # its arms as they are written, not yet resolved
    assert list(told.arms) == list(recipe.arms)
    assert told.model_copy(update={"arms": {}}) == recipe.model_copy(update={"arms": {}})


def test_short_forms(tmp_path: Path) -> None:
    text = "constitution: default\nprompts: {red_team: ['builtin:red_team', {source: 'hf:a/b', limit: 3}]}"
    recipe = load_recipe(written(tmp_path, text))
    assert recipe.constitution.source == "default"
    assert [source.source for source in recipe.prompts.red_team] == ["builtin:red_team", "hf:a/b"]
    assert recipe.prompts.red_team[1].limit == 3


def test_set_changes_single_settings(tmp_path: Path) -> None:
    path = written(tmp_path, "constitution: default\nrl:\n  beta: 0.1\n  group: 2")
    recipe = load_recipe(path, ["rl.beta=5e-3", "sl.lora=null", "constitution.sample=4", "prompts.held_out=0.5"])
    assert (recipe.rl.beta, recipe.rl.group, recipe.sl.lora) == (5e-3, 2, None)
    assert (recipe.constitution.source, recipe.constitution.sample) == ("default", 4)
    assert len(recipe.load_constitution().principles) == 4
    assert load_recipe("demo", ["seed=7"]) == load_recipe("demo").model_copy(update={"seed": 7})


def test_paths_are_relative_to_the_recipe_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    (home / "model").mkdir(parents=True)
    elsewhere.mkdir()
    for folder in (home, elsewhere):
        (folder / "p.jsonl").write_text("")
        (folder / "later.csv").write_text("")
    (home / "later.csv").unlink()
    monkeypatch.chdir(elsewhere)
    text = "models: {start: model}\nprompts:\n  red_team: [p.jsonl, later.csv]\n  helpful: [{source: ../x.parquet}]"
    recipe = load_recipe(written(home, text), ["prompts.safe_sounding=[p.jsonl]"])
    assert recipe.models.start == str(home / "model")
    assert [s.source for s in recipe.prompts.red_team] == [str(home / "p.jsonl"), str(home / "later.csv")]
    assert recipe.prompts.helpful[0].source == str(tmp_path / "x.parquet")
    assert recipe.prompts.safe_sounding[0].source == str(elsewhere / "p.jsonl")


@pytest.mark.parametrize("key", ["evaluate: {models: {other: model}}", "arms: {x: {evaluate.models.other: model}}"])
def test_a_model_to_be_evaluated_is_a_path_too(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path, tmp_path / "here"):
        (folder / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    recipe = load_recipe(written(tmp_path, key), ["evaluate.models.set=model", "evaluate.models.hub=org/name"])
    recipe = arm_recipes(recipe).get("x", recipe)
    assert recipe.evaluate.models == {
        "other": str(tmp_path / "model"),
        "set": str(tmp_path / "here" / "model"),
        "hub": "org/name",
    }


def test_names_of_built_ins_and_of_the_hub_stay_names(tmp_path: Path) -> None:
    for name in ("default", "smollm2-135m"):
        (tmp_path / name).mkdir()
    text = "constitution: default\nmodels: {start: smollm2-135m, feedback: org/name}"
    recipe = load_recipe(written(tmp_path, text))
    assert (recipe.constitution.source, recipe.models.start) == ("default", "smollm2-135m")
    assert recipe.models.feedback == "org/name"
    assert recipe.prompts.red_team[0].source == "builtin:red_team"


def test_a_resolved_recipe_reads_back_as_itself_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text("")
    text = "description: '5e-4'\nprompts: {red_team: [{source: a.jsonl, columns: {prompt: '1'}}, b.jsonl]}"
    for source in (written(tmp_path, text), "demo"):
        recipe = load_recipe(source)
        assert load_recipe(written(tmp_path / "run", recipe_yaml(recipe), "recipe.yaml")) == recipe


PLAIN = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t"), max_size=60)


@given(description=PLAIN, seed=st.integers(0, 2**63 - 1), beta=st.floats(0, 1e300))
@settings(deadline=None, max_examples=40)
def test_any_recipe_reads_back_as_itself(description: str, seed: int, beta: float) -> None:
    recipe = Recipe(description=description, seed=seed, rl=Recipe().rl.model_copy(update={"beta": beta}))
    assert parse(Recipe, parse_yaml(recipe_yaml(recipe), "f.yaml")) == recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 0\nreviese:\n  rounds: 2", "line 2, reviese: unknown key 'reviese'; did you mean 'revise'?"),
        ("revise:\n  rouns: 2", "line 2, revise.rouns: unknown key 'rouns'; did you mean 'rounds'?"),
        ("revise:\n  rounds: 0", "line 2, revise.rounds: should be greater than or equal to 1, found 0"),
        ("revise:\n  rounds: two", "line 2, revise.rounds: should be an integer, found 'two'"),
        ("format: xml", "line 1, format: should be 'chat' or 'raw', found 'xml'"),
        ("constitution: {sampel: 1}", "line 1, constitution.sampel: unknown key 'sampel'; did you mean 'sample'?"),
        ("constitution: [default]", "line 1, constitution: expected 'key: value' lines, found a list"),
        ("prompts:\n  red_team: []", "line 2, prompts.red_team: should have at least 1 item, not 0"),
        ("prompts:\n  red_team:\n    - source: a\n      limt: 3", "line 4, prompts.red_team[0].limt: unknown key"),
        ("prompts:\n  helpful:\n    - source: a\n      columns: {promt: q}", "line 4, prompts.helpful[0].columns: "),
        ("rl:\n  batch_size: 9", "line 1, rl: batch_size 9 is not a multiple of group 4; change one"),
        ("engine: {kind: scripted}", "line 1, engine: 'script' goes with kind: scripted"),
        ("sl:\n  lora:\n    rank: 0", "line 3, sl.lora.rank: should be greater than or equal to 1, found 0"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}, {said}")


@pytest.mark.parametrize(
    ("source", "assignments", "said"),
    [
        ("dmeo", [], "recipe 'dmeo': no file and no built-in has this name; did you mean 'demo'?"),
        ("dmeo.yaml", [], "dmeo.yaml: there is no such file (a recipe)"),
        ("x" * 5000, [], "recipe 'xxx"),
        ("a\0b.yaml", [], "cannot be read"),
        ("demo", ["rl.bta=1"], "recipe 'demo', --set, rl.bta: unknown key 'bta'; did you mean 'beta'?"),
        ("demo", ["constitution.sample=35"], "constitution.sample: 35 principles are wanted and 'default' has 34"),
    ],
)
def test_names_and_assignments_that_lead_nowhere(source: str, assignments: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(source, assignments).load_constitution()
    assert said in str(caught.value)


def test_an_unknown_built_in_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'demo'"):
        recipe_text("dem")


def test_money_needs_prices() -> None:
    with pytest.raises(InputError, match=r"budget\.money needs prices"):
        load_recipe("demo", ["budget.money=5"])
    assert load_recipe("demo", ["budget.money=5", "prices.hour=2"]).budget.money == 5


@pytest.mark.parametrize("name", ["warm_up", "sl", "pm", "rl"])
def test_more_layers_than_there_are_is_told_before_anything_is_done(name: str, tiny_model: Path) -> None:
    def recipe(layers: int) -> Recipe:
        taught = {"warm_up": {"demonstrations": ["mine.jsonl"]}, "models": {"start": str(tiny_model)}}
        return Recipe.model_validate(taught | {name: taught.get(name, {}) | {"lora": {"layers": layers}}})

    recipe(2).check_trainings()
    with pytest.raises(InputError, match=rf"{name}\.lora\.layers: 3 layers of a model that has 2; lower it"):
        recipe(3).check_trainings()


def test_a_model_that_is_not_at_hand_has_as_many_layers_as_are_asked_for() -> None:
    far = {"models": {"start": "someone/somewhere"}, "sl": {"lora": {"layers": 999}}}
    Recipe.model_validate(far).check_trainings()
