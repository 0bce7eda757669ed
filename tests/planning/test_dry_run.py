"""What a run will take, told before it: counts that are the run's own, and tokens near them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from small import precepts, small_recipe

from precepts.engines import ChoiceRequest, EngineSettings, GenerateRequest
from precepts.engines.base import VerdictRequest
from precepts.errors import InputError
from precepts.feedback.hygiene import HygieneSettings
from precepts.method import execute
from precepts.planning.estimate import estimate
from precepts.planning.planner import Planner
from precepts.planning.sample import Counted, Estimate, Figures, StandIn, open_engine, pick
from precepts.recipe import Recipe, load_recipe
from precepts.records import Message
from precepts.runs.folder import Run
from precepts.runs.progress import Progress
from precepts.stages.tournament import TournamentSettings
from precepts.training.settings import BilinearSettings, LoraSettings

ASKING = ("audit", "respond", "revise")


def by_stage(found: list[Estimate]) -> dict[str, Estimate]:
    return {each.stage: each for each in found}


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """The small recipe with the scripted engine; its model is a Hub's and is never loaded."""
    path = small_recipe(tmp_path, Path("org/none"), scripted=True)
    return load_recipe(
        str(path), ["warm_up=null", "prices.tokens_in=2", "prices.tokens_out=10", "models.start=org/none"]
    )


def test_what_a_run_asks_is_what_was_planned(recipe: Recipe, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.path.mkdir()
    planned = by_stage(estimate(recipe, run, 100))
    assert list(run.path.iterdir()) == []
    assert planned["prompts"].figures.items > 0 and planned["prompts"].how == "counted"
    execute(recipe, run, Progress(quiet=True), until="revise")
    execute(recipe, run, Progress(quiet=True), until="audit")
    for stage in ASKING:
        state, figures = run.state(stage), planned[stage].figures
        assert state is not None and planned[stage].how == "measured"
        assert state.tokens_in == pytest.approx(figures.tokens_in, rel=0.05), stage
        assert state.tokens_out == pytest.approx(figures.tokens_out, rel=0.15), stage
        money = (figures.tokens_in * 2 + figures.tokens_out * 10) / 1e6
        assert planned[stage].money == pytest.approx(money)
    assert planned["respond"].figures.requests == planned["respond"].figures.items == run.count("respond")
    assert planned["revise"].figures.requests == 2 * run.count("revise")  # a critique and a revision for each round


def test_a_few_items_stand_for_all(recipe: Recipe, tmp_path: Path) -> None:
    few, all_of_them = (by_stage(estimate(recipe, Run(tmp_path / "run"), size)) for size in (4, 100))
    assert not (tmp_path / "run").exists()
    for stage in ("audit", "respond", "revise", "pairs", "label", "pm", "sl", "rl", "evaluate"):
        some, whole = few[stage].figures, all_of_them[stage].figures
        assert some.items == pytest.approx(whole.items, rel=0.3), stage
        assert some.tokens_in == pytest.approx(whole.tokens_in, rel=0.3), stage


def test_trainings_take_their_tokens_and_no_price(recipe: Recipe, tmp_path: Path) -> None:
    planned = by_stage(estimate(recipe, Run(tmp_path / "run"), 100))
    assert planned["rl"].figures.items == 3 * 4  # steps of a batch
    assert planned["sl"].figures.requests == planned["pm"].figures.requests == 0
    assert planned["sl"].figures.tokens_in > 0 and planned["sl"].money == 0.0
    twice = by_stage(estimate(recipe.model_copy(update={"sl": _twice(recipe)}), Run(tmp_path / "run"), 100))
    assert twice["sl"].figures.tokens_in == pytest.approx(2 * planned["sl"].figures.tokens_in, abs=1)


@pytest.mark.parametrize(("pairing", "games"), [("all", 10), ("start", 4)])  # five models
def test_a_tournament_is_prompts_times_games(recipe: Recipe, tmp_path: Path, pairing: str, games: int) -> None:
    settings = TournamentSettings.model_validate({"pairing": pairing, "limit": 1, "aims": ["harmless"]})
    planned = by_stage(estimate(recipe.model_copy(update={"tournament": settings}), Run(tmp_path / "run"), 100))
    audit = planned["audit"].figures.items
    assert planned["tournament"].figures.items == games
    assert planned["tournament"].figures.requests == 2 * games  # both orders
    other = settings.model_copy(update={"judge": recipe.label.model_copy(update={"shots": 0})})
    tried = by_stage(estimate(recipe.model_copy(update={"tournament": other}), Run(tmp_path / "run"), 100))
    assert tried["tournament"].figures.items == games + audit  # another judge is tried first


def _twice(recipe: Recipe) -> object:
    return recipe.sl.model_copy(update={"epochs": 2 * recipe.sl.epochs})


@pytest.mark.parametrize(("layers", "passes"), [(None, 3.0), (2, 3.0), (1, 2.0), (3, 3.0)])
def test_a_training_costs_what_is_adapted(
    recipe: Recipe, tmp_path: Path, tiny_model: Path, layers: int | None, passes: float
) -> None:
    models = recipe.models.model_copy(update={"start": str(tiny_model)})
    engine = EngineSettings(kind="transformers")
    planner = Planner(recipe.model_copy(update={"models": models, "engine": engine}), Run(tmp_path / "run"), 2)
    assert planner._passes(LoraSettings(layers=layers)) == passes
    assert planner._passes(None) == 3.0


def test_what_is_done_costs_nothing_more_and_its_rate_gives_times(recipe: Recipe, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.path.mkdir()
    execute(recipe, run, Progress(quiet=True), until="respond")
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    planned = by_stage(estimate(recipe, run, 100, until="revise"))
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    assert [planned[name].how for name in ("prompts", "respond", "revise")] == ["done", "done", "measured"]
    assert planned["respond"].figures == Figures()
    again = by_stage(estimate(recipe, run, 100, begin="respond", until="respond", redo=True))["respond"]
    state = run.state("respond")
    assert state is not None and again.figures.seconds == pytest.approx(state.seconds, rel=0.1)


def test_settings_that_a_run_refuses_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.path.mkdir()
    execute(recipe, run, Progress(quiet=True), until="respond")
    with pytest.raises(InputError, match="seed was 13, is 14"):
        estimate(recipe.model_copy(update={"seed": 14}), run, 4)
    with pytest.raises(InputError, match="one arm at a time"):
        estimate(recipe.model_copy(update={"arms": {"a": {}}}), run, 4)


def test_a_model_that_is_not_here_is_stood_in_for() -> None:
    engine = open_engine(EngineSettings(), "org/no-such-model")
    assert not engine.real and isinstance(engine.engine, StandIn)
    asked = (Message("user", "12345678"), Message("assistant", "1234"))
    one, two = engine.generate([GenerateRequest(asked, max_tokens=7, seed=seed) for seed in (1, 2)])
    assert (one.tokens_in, one.tokens_out, one.unusable) == (3, 7, None)
    assert one.text != two.text  # or no pair of answers could be compared
    assert engine.choose([ChoiceRequest("abcd", ("x", "y"))]) == [[-math.log(2)] * 2]
    assert (engine.usage.tokens_in, engine.usage.tokens_out, engine.requests) == (7, 14, 3)


def test_a_head_to_come_reads_and_is_not_asked_in_words() -> None:
    requests = [VerdictRequest((Message("user", "x" * 40),), "a response"), VerdictRequest("x" * 40, "")]
    headed, bare = Counted(StandIn("m"), False, headed=True), Counted(StandIn("m"), False)
    assert headed.verdicts(requests, ["fine", "harm"]) == [[pytest.approx(-math.log(2))] * 2] * 2
    assert (headed.requests, headed.usage.tokens_in) == (2, 20)
    assert bare.verdicts(requests, ["fine", "harm"]) is None
    assert (bare.requests, bare.usage.tokens_in) == (0, 0)


def test_pairs_of_every_kind_teach_the_preference_model(recipe: Recipe, tmp_path: Path) -> None:
    both = recipe.model_copy(update={"pairs": recipe.pairs.model_copy(update={"kinds": ["red_team", "helpful"]})})
    few, more = (by_stage(estimate(each, Run(tmp_path / "run"), 100))["pm"].figures.items for each in (recipe, both))
    assert more > few


def test_a_bilinear_preference_model_reads_each_pair_once(recipe: Recipe, tmp_path: Path) -> None:
    def planned(**changed: Any) -> Figures:
        changed_pm = recipe.pm.model_copy(update={"max_length": 100_000, **changed})
        return by_stage(estimate(recipe.model_copy(update={"pm": changed_pm}), Run(tmp_path / "run"), 100))[
            "pm"
        ].figures

    read, taught = planned(bilinear=BilinearSettings()), planned(epochs=3.0)
    assert (read.items, read.tokens_in) == (taught.items, pytest.approx(taught.tokens_in / 3, abs=1))


def test_the_critic_looks_at_each_revision_again_where_its_verdict_counts(recipe: Recipe, tmp_path: Path) -> None:
    hygiene = HygieneSettings(fineness=0.0)
    recipe = recipe.model_copy(update={"engine": EngineSettings()})  # a model that is not here
    asked = recipe.model_copy(update={"sl": recipe.sl.model_copy(update={"hygiene": hygiene})})
    bare, looked = (by_stage(estimate(each, Run(tmp_path / "run"), 100)) for each in (recipe, asked))
    more, revised = looked["sl"].figures, bare["revise"].figures
    assert bare["sl"].figures.requests == 0 and more.requests == revised.requests / 2 > 0
    assert more.items == bare["sl"].figures.items and more.tokens_in > bare["sl"].figures.tokens_in


def test_figures_add_and_scale() -> None:
    one = Figures(1, 2, 10, 4, 3.0, 5)
    assert one.times(2.5) == Figures(2, 5, 25, 10, 7.5, 12)
    assert one + one == Figures(2, 4, 20, 8, 6.0, 10)
    assert (one + Figures(seconds=None)).seconds is None


def test_a_sample_is_the_same_whatever_the_order() -> None:
    names = [f"item {n}" for n in range(50)]
    chosen, count = pick(names, 5, str)
    assert (len(chosen), count) == (5, 50)
    assert sorted(pick(reversed(names), 5, str)[0]) == sorted(chosen)


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    path = small_recipe(tmp_path, Path("org/none"), scripted=True)
    words = ("run", str(path), "--run", "r", "--dry-run", "--set", "models.start=org/none", "--sample", "3")
    done = precepts(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "revise" in done.stdout and "measured: " in done.stdout and not (tmp_path / "r").exists()
    told = json.loads(precepts(*words, "--json", "--until", "respond", cwd=tmp_path).stdout)
    assert [each["stage"] for each in told["stages"]] == ["prompts", "respond"]
    assert told["all"]["figures"]["requests"] == told["stages"][1]["figures"]["requests"] > 0
