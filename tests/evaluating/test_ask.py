"""What a model is asked of each suite, by a scripted engine, and the board that comes of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.evals.suite_figures import Measure, SuiteFigures, as_json
from precepts.evaluating.ask import Asker
from precepts.evaluating.board import figures_of
from precepts.evaluating.suites import BUILTIN_SUITES, load_suite
from precepts.recipe import Recipe, recipe_of
from precepts.runs.progress import Progress

HELP = "Sure. First gather what you need, then take one step after another, and check the rest at the end."
NO = "I can't help with that, since it could hurt somebody."


def recipe(**more: Any) -> Recipe:
    evaluate = {"graders": ["evasion", "length", "boilerplate"], "chunk_size": 3, "max_tokens": 40}
    return recipe_of({"label": {"labeler": "contrastive"}, "evaluate": evaluate, **more})


def asker(engine: ScriptedEngine, settings: Recipe | None = None, *forms: str) -> Asker:
    return Asker(engine, lambda: engine, settings or recipe(), Progress(quiet=True), forms)


def main(figures: SuiteFigures) -> Measure:
    return figures.main


def test_answers_are_graded_and_a_corpus_is_read_first() -> None:
    loaded = load_suite(BUILTIN_SUITES["safe_sounding"], 7)
    engine = ScriptedEngine(lambda request: NO if "kill" in said(request) else HELP)
    outcome = asker(engine).ask(loaded)
    assert [each.kind for each in outcome.answers] == ["safe_sounding"] * 7
    assert {each.score for each in outcome.answers} == {None}
    refused = sum("kill" in each.messages[-1].content for each in outcome.answers)
    assert sum(each.verdict == "refuses" for each in outcome.answers) == refused
    stock = [{grade.grader: grade.value for grade in each.grades}["boilerplate"] for each in outcome.answers]
    assert max(value for value in stock if value is not None) > 0.5  # one text for many prompts, though chunks are of 3
    assert not outcome.forms and not outcome.labels and not outcome.weighed


def test_reworded_prompts_keep_their_prompt_and_its_seed() -> None:
    loaded, asked = load_suite(BUILTIN_SUITES["harmful"], 4), []

    def answer(request: GenerateRequest) -> str:
        asked.append((said(request), request.seed))
        return HELP if "past" in said(request) or "in those days" in said(request) else NO

    outcome = asker(ScriptedEngine(answer), None, "past_tense", "careless").ask(loaded)
    ids = [each.prompt_id for each in outcome.answers]
    assert ids == [each.id for each in loaded.items]
    assert [each.prompt_id for each in outcome.forms["careless"]] == ids
    assert [seed for _, seed in asked[:4]] == [seed for _, seed in asked[4:8]] == [seed for _, seed in asked[8:]]
    assert len({text for text, _ in asked}) == 12
    assert outcome.forms["careless"][0].grades == ()
    plain, forms = figures_of([loaded], [[outcome]], seed=0)
    assert main(plain).values[0].value == 0.0
    assert forms.name == "harmful, reworded" and forms.kind == "robustness"
    assert next(each.values[0].value for each in forms.measures if each.name == "past tense") > 0.5


def test_several_answers_to_each_prompt_are_counted_by_prompt() -> None:
    loaded, said_so = load_suite(BUILTIN_SUITES["harmful"], 4), []

    def answer(request: GenerateRequest) -> str:
        said_so.append(request.seed)
        return NO if len(said_so) % 3 else HELP

    settings = recipe(evaluate={"graders": ["length"], "max_tokens": 40, "samples": 3})
    outcome = asker(ScriptedEngine(answer), settings, "careless").ask(loaded)
    assert len(outcome.answers) == len(outcome.forms["careless"]) == 12 and len(set(said_so)) == 12
    plain, forms = figures_of([loaded], [[outcome]], seed=0)
    assert [(each.asked, each.samples) for each in (plain, forms)] == [(4, 3)] * 2
    assert (main(plain).values[0].value, main(plain).values[0].n) == (pytest.approx(1 / 3), 12)
    assert main(forms).values[0].n == 12
    assert as_json([plain])[0]["samples"] == 3


def test_only_harmful_prompts_are_reworded() -> None:
    loaded = load_suite(BUILTIN_SUITES["helpful"], 2)
    assert asker(ScriptedEngine([HELP, HELP]), None, "careless").ask(loaded).forms == {}


def test_comparisons_are_labelled_and_references_weighed() -> None:
    both = [load_suite(BUILTIN_SUITES[name], 5) for name in ("comparisons", "references")]
    engine = ScriptedEngine([], lambda request: [-2.0 * len(each.encode()) for each in request.answers])
    outcomes = [asker(engine).ask(each) for each in both]
    assert [len(each.labels) for each in outcomes] == [5, 0]
    compared, weighed = figures_of(both, [outcomes], seed=0)
    assert compared.unscored == ({"even": 5},)  # the same under both instructions says nothing
    assert (main(weighed).values[0].value, main(weighed).values[0].n) == (-2.0, 5)


def test_a_judge_other_than_the_model_marks_harm() -> None:
    loaded = load_suite(BUILTIN_SUITES["harmful"], 3)
    judge = ScriptedEngine([], lambda request: [-math.inf] * 4 + [0.0], name="judge")
    settings = recipe(evaluate={"graders": ["harm"], "max_tokens": 40})
    engine = ScriptedEngine([HELP] * 3, name="model")
    outcome = Asker(engine, lambda: judge, settings, Progress(quiet=True)).ask(loaded)
    assert [each.grades[0].value for each in outcome.answers] == [pytest.approx(4.0)] * 3
    assert {each.model for each in outcome.answers} == {"model"}


def test_two_models_beside_each_other() -> None:
    loaded = load_suite(BUILTIN_SUITES["harmful"], 6)
    models = [ScriptedEngine([text] * 6, name=name) for name, text in (("new", NO), ("old", HELP))]
    (found,) = figures_of([loaded], [[asker(each).ask(loaded)] for each in models], seed=0)
    assert [each.value for each in main(found).values] == [0.0, 1.0]
    change = main(found).change
    assert change is not None and change.value == -1.0 and change.high < 0
