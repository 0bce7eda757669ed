"""Stage `evaluate`: which prompts, with which seeds, and what becomes of an answer that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.evals.graders.grader import Models
from precepts.evidence import Evaluation, Grade, first_answers
from precepts.records import Messages, Prompt
from precepts.runs.work import Chunk
from precepts.stages import evaluate

MakePrompt = Callable[..., Prompt]


def length(items: Sequence[tuple[Messages, str]]) -> list[float]:
    """Scores an answer by its length."""
    return [float(len(text)) for _, text in items]


@pytest.mark.parametrize(("limit", "kept"), [(None, [5, 2, 4]), (3, [3, 2, 3]), (1, [1, 1, 1])])
def test_held_out_prompts_kind_by_kind_up_to_a_limit(
    open_folder: Any, prompt: MakePrompt, limit: int | None, kept: list[int]
) -> None:
    numbers = {"helpful": 4, "red_team": 5, "safe_sounding": 2}
    given = [prompt(f"{kind}-{n}", kind, "held_out") for kind, many in numbers.items() for n in range(many)]
    folder = open_folder("prompts")
    folder.write_records(Prompt, [*given, prompt("t", "helpful"), prompt("u")], set_name="prompts")
    found = list(evaluate.held_out_prompts(folder.run, limit))
    assert [sum(p.kind == kind for p in found) for kind in evaluate.KINDS] == kept
    assert [p.kind for p in found] == sorted((p.kind for p in found), key=evaluate.KINDS.index)
    assert all(p.split == "held_out" for p in found)
    larger = {p.id for p in evaluate.held_out_prompts(folder.run, (limit or 9) + 1)}
    assert {p.id for p in found} <= larger  # a higher limit only adds


def answers(engine: ScriptedEngine, *prompts: Prompt, stage_seed: int = 1, samples: int = 1) -> list[Evaluation]:
    settings = evaluate.EvaluateSettings(graders=["length", "refusal"])
    asked = Chunk(0, tuple(evaluate.answered(prompts, samples)), 3)
    replies = evaluate.answer(asked, engine, settings, "chat", stage_seed).records
    both = Chunk(0, tuple(zip(asked.items, replies, strict=True)), 3)
    return list(evaluate.grade(both, settings.make("chat"), length, Models({}), "sl").records)


def test_an_answer_is_graded_and_scored(prompt: MakePrompt) -> None:
    engine = ScriptedEngine(["I can't help with that, since it could hurt somebody.", "", "Mix flour and water."])
    found = answers(engine, prompt("a", "red_team", "held_out"), prompt("b"), prompt("c", "helpful"))
    assert [(r.prompt_id, r.verdict, r.score) for r in found] == [
        ("a", "refuses", 53.0),
        ("b", None, None),
        ("c", "complies", 20.0),
    ]
    assert [r.unscored for r in found] == [None, "empty", None]
    assert [r.grades[0] for r in found] == [
        Grade("length", value=10.0),
        Grade("length", unscored="empty"),
        Grade("length", value=4.0),
    ]
    assert [r.grades[1].label for r in found] == ["refuses", None, "complies"]


def test_seeds_come_from_the_stage_and_the_prompt_alone(prompt: MakePrompt) -> None:
    seeds: dict[str, list[int]] = {}

    def answer(request: GenerateRequest) -> str:
        seeds.setdefault(said(request), []).append(request.seed)
        return "Fine."

    one, two = prompt("a"), prompt("b")
    answers(ScriptedEngine(answer), one, two)
    answers(ScriptedEngine(answer), two)  # another model, another chunk
    answers(ScriptedEngine(answer), one, stage_seed=2)  # another run
    a, b = seeds["Say a."], seeds["Say b."]
    assert b[0] == b[1]
    assert len({*a, *b}) == 3
    answers(ScriptedEngine(answer), one, samples=3)
    assert a[-3] == a[0] and len({*a, *b}) == 5  # more answers only add


@pytest.mark.parametrize(
    ("name", "said"),
    [("sl", "the method's own"), ("rl-12", "the method's own"), ("a/b", "cannot be"), ("", "cannot be")],
)
def test_a_models_name_is_its_own_and_fit_for_a_file(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        evaluate.EvaluateSettings(models={name: "org/name"})
    assert evaluate.EvaluateSettings(models={"rl-final": "org/name"}).models == {"rl-final": "org/name"}


def test_the_stage_grades_and_scores_answers_of_all_models(
    open_folder: Any, prompt: MakePrompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "scorer", lambda run, style: length)
    source = open_folder("prompts")
    source.write_records(Prompt, [prompt("a", split="held_out"), prompt("b")], set_name="prompts")
    folder = open_folder("evaluate")
    engines = {name: lambda name=name: ScriptedEngine([f"Mix flour, says {name}."]) for name in evaluate.MODELS}
    judge = ScriptedEngine([], lambda request: [-1.0] * 4 + [-2.0])
    settings = evaluate.EvaluateSettings(graders=["boilerplate", "harm"])
    evaluate.run(folder, settings, "chat", engines, lambda: judge)
    for name in evaluate.MODELS:
        (found,) = folder.run.read("evaluate", Evaluation, f"answers-{name}")
        assert (found.prompt_id, found.model, found.text) == ("a", name, f"Mix flour, says {name}.")
        assert found.score == len(found.text)
        assert [each.grader for each in found.grades] == ["boilerplate", "harm"]
        assert found.grades[0].unscored == "too_few_prompts"
        assert found.grades[1].value == pytest.approx((6 + 4 * math.exp(-1)) / (4 + math.exp(-1)))
    state = folder.run.state("evaluate")
    assert state is not None
    assert state.counts == {f"{name}: complies": 1 for name in evaluate.MODELS}


def test_each_prompt_is_answered_as_often_as_the_settings_say(
    open_folder: Any, prompt: MakePrompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "scorer", lambda run, style: length)
    open_folder("prompts").write_records(Prompt, [prompt(n, split="held_out") for n in "ab"], set_name="prompts")
    folder = open_folder("evaluate")
    engines = {"start": lambda: ScriptedEngine(["Mix.", "I can't help with that.", "Stir.", "Bake it."])}
    settings = evaluate.EvaluateSettings(graders=["length"], samples=2, chunk_size=3)
    evaluate.run(folder, settings, "chat", engines, lambda: ScriptedEngine([]))
    found = list(folder.run.read("evaluate", Evaluation, "answers-start"))
    assert [(each.prompt_id, each.sample, each.verdict) for each in found] == [
        ("a", 0, "complies"),
        ("a", 1, "refuses"),
        ("b", 0, "complies"),
        ("b", 1, "complies"),
    ]
    assert {prompt: each.text for prompt, each in first_answers(found).items()} == {"a": "Mix.", "b": "Stir."}


def test_a_model_is_graded_when_it_has_answered_everything(
    open_folder: Any, prompt: MakePrompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stock closer in every chunk is seen as one, though each chunk alone is too small to tell."""
    monkeypatch.setattr(evaluate, "scorer", lambda run, style: length)
    named = [prompt(name, split="held_out") for name in ("gardens", "engines", "comets", "violins")]
    open_folder("prompts").write_records(Prompt, named, set_name="prompts")
    folder = open_folder("evaluate")
    engines = {
        name: lambda: ScriptedEngine(lambda r: f"On {said(r)} I hope this helps you today.") for name in evaluate.MODELS
    }
    settings = evaluate.EvaluateSettings(graders=["boilerplate"], chunk_size=1)
    evaluate.run(folder, settings, "chat", engines, lambda: ScriptedEngine([]))
    found = list(folder.run.read("evaluate", Evaluation, "answers-sl"))
    assert [each.grades[0].value for each in found] == [pytest.approx(6 / 9)] * 4


def test_graders_are_known_and_part_of_the_fingerprint() -> None:
    with pytest.raises(ValueError, match="did you mean 'refusal'"):
        evaluate.EvaluateSettings(graders=["refusl"])
    settings = evaluate.EvaluateSettings(graders=["harm", "length", "harm"])
    assert settings.graders == ["harm", "length"]
    assert set(settings.parts()) == {
        "evaluate.graders.harm (version)",
        "evaluate.graders.harm (wording)",
        "evaluate.graders.length (version)",
    }
