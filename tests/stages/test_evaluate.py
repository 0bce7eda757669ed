"""Stage `evaluate`: which prompts, with which seeds, and what becomes of an answer that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.evidence import Evaluation
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


def answers(engine: ScriptedEngine, *prompts: Prompt, stage_seed: int = 1) -> list[Evaluation]:
    chunk = Chunk(0, prompts, 3)
    settings = evaluate.EvaluateSettings()
    return list(evaluate.evaluate(chunk, engine, length, "sl", settings, "chat", stage_seed).records)


def test_an_answer_is_graded_and_scored(prompt: MakePrompt) -> None:
    engine = ScriptedEngine(["I can't help with that, since it could hurt somebody.", "", "Mix flour and water."])
    found = answers(engine, prompt("a", "red_team", "held_out"), prompt("b"), prompt("c", "helpful"))
    assert [(r.prompt_id, r.verdict, r.score) for r in found] == [
        ("a", "refuses", 53.0),
        ("b", None, None),
        ("c", "complies", 20.0),
    ]
    assert [r.unscored for r in found] == [None, "empty", None]


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


def test_the_stage_grades_and_scores_answers_of_all_models(
    open_folder: Any, prompt: MakePrompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "scorer", lambda run, style: length)
    source = open_folder("prompts")
    source.write_records(Prompt, [prompt("a", split="held_out"), prompt("b")], set_name="prompts")
    folder = open_folder("evaluate")
    engines = {name: lambda name=name: ScriptedEngine([f"Mix flour, says {name}."]) for name in evaluate.MODELS}
    evaluate.run(folder, evaluate.EvaluateSettings(), "chat", engines)
    for name in evaluate.MODELS:
        (found,) = folder.run.read("evaluate", Evaluation, f"answers-{name}")
        assert (found.prompt_id, found.model, found.text) == ("a", name, f"Mix flour, says {name}.")
        assert found.score == len(found.text)
    state = folder.run.state("evaluate")
    assert state is not None
    assert state.counts == {f"{name}: complies": 1 for name in evaluate.MODELS}
