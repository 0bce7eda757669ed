"""Stages `respond` and `pairs` on a scripted engine: what is asked, what is kept, and what is left out and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.records import Message, Pair, Prompt, Response
from precepts.runs.work import Chunk
from precepts.stages import pairs, respond

MakePrompt = Callable[..., Prompt]


def chunk(*items: Any, seed: int = 3) -> Chunk[Any]:
    return Chunk(0, items, seed)


def test_each_sample_has_its_own_seed_and_id(prompt: MakePrompt) -> None:
    items = [(prompt("a"), 0), (prompt("b", "helpful"), 0), (prompt("b", "helpful"), 1)]
    settings = respond.RespondSettings(temperature=0.5, top_p=0.9, max_tokens=9)
    asked: list[GenerateRequest] = []

    def answer(request: GenerateRequest) -> str:
        asked.append(request)
        return f"Answer to {said(request)} {request.seed}"

    records = respond.respond(chunk(*items), ScriptedEngine(answer), settings, "chat").records
    assert [(r.prompt_id, r.kind, r.sample) for r in records] == [
        ("a", "red_team", 0),
        ("b", "helpful", 0),
        ("b", "helpful", 1),
    ]
    assert len({r.seed for r in records}) == len({r.id for r in records}) == 3
    assert [r.seed for r in records] == [request.seed for request in asked]
    assert all((each.temperature, each.top_p, each.max_tokens) == (0.5, 0.9, 9) for each in asked)
    again = respond.respond(chunk(*items), ScriptedEngine(answer), settings, "chat").records
    other = respond.respond(chunk(*items, seed=4), ScriptedEngine(answer), settings, "chat").records
    assert again == records
    assert [r.id for r in other] == [r.id for r in records]
    assert all(one.seed != two.seed for one, two in zip(records, other, strict=True))


@pytest.mark.parametrize(
    ("style", "sent", "stops"),
    [("raw", "\n\nHuman: Say a.\n\nAssistant:", True), ("chat", (Message("user", "Say a."),), False)],
)
def test_what_is_sent(prompt: MakePrompt, style: Any, sent: Any, stops: bool) -> None:
    request = respond.answer_request(prompt("a").messages, respond.RespondSettings(), style, 1)
    assert request.prompt == sent
    assert ("\n\nHuman:" in request.stop) == stops


def test_an_unusable_answer_is_kept_with_its_reason(prompt: MakePrompt) -> None:
    result = respond.respond(
        chunk((prompt("a"), 0), (prompt("b"), 0)), ScriptedEngine(["", "two words"]), respond.RespondSettings(), "chat"
    )
    assert [(r.text, r.unusable, r.finish) for r in result.records] == [
        ("", "empty", "stop"),
        ("two words", None, "stop"),
    ]
    assert (result.tokens_in, result.tokens_out) == (4, 2)


@pytest.mark.parametrize("samples", [1, 2])
def test_the_stage_answers_prompts_of_each_kind_as_often_as_set(
    samples: int, open_folder: Any, prompt: MakePrompt
) -> None:
    source = open_folder("prompts")
    given = [prompt("a"), prompt("b", "helpful"), prompt("c", split="held_out"), prompt("d", "safe_sounding")]
    source.write_records(Prompt, given, set_name="prompts")
    engine = ScriptedEngine(lambda request: "" if "Say a" in said(request) else "Fine.")
    folder = open_folder("respond")
    respond.run(
        folder, respond.RespondSettings(samples=samples, helpful_samples=3, chunk_size=2), "chat", lambda: engine
    )
    found = list(folder.run.read("respond", Response))
    answered = [("a", each) for each in range(samples)]
    assert [(r.prompt_id, r.sample) for r in found] == [*answered, ("b", 0), ("b", 1), ("b", 2)]
    assert len({r.id for r in found}) == len(found)
    state = folder.run.state("respond")
    assert state is not None
    assert state.counts == {"unusable: empty": samples, "usable": 3}
    assert (state.tokens_in, state.tokens_out) == (2 * len(found), 3)


def test_helpful_prompts_may_be_answered_otherwise(prompt: MakePrompt) -> None:
    asked: list[GenerateRequest] = []

    def answer(request: GenerateRequest) -> str:
        asked.append(request)
        return "Fine."

    items = chunk((prompt("a"), 0), (prompt("b", "helpful"), 0))
    shared = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 48}
    respond.respond(items, ScriptedEngine(answer), respond.RespondSettings(**shared), "chat")
    own = respond.RespondSettings(**shared, helpful_temperature=1.0, helpful_max_tokens=96)
    respond.respond(items, ScriptedEngine(answer), own, "chat")
    assert [(each.temperature, each.top_p, each.max_tokens) for each in asked] == [
        *[(0.7, 0.9, 48)] * 3,
        (1.0, 0.9, 96),
    ]


# --- pairs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "unusable"),
    [
        (["Yes.", "No."], None),
        (["Yes.", "Yes."], "identical"),
        (["Yes. ", " Yes."], "identical"),
        (["", "No."], "empty"),
        (["Yes.", ""], "empty"),
        (["", ""], "empty"),
    ],
)
def test_answers_that_cannot_be_compared(prompt: MakePrompt, answers: list[str], unusable: str | None) -> None:
    (pair,) = pairs.sample_pairs(chunk((prompt("a"), 0)), ScriptedEngine(answers), pairs.PairSettings(), "chat").records
    assert (pair.first, pair.second) == tuple(text.strip() for text in answers)
    assert pair.unusable == unusable


def test_the_two_answers_of_each_pair_have_their_own_seeds(prompt: MakePrompt) -> None:
    asked: list[GenerateRequest] = []

    def answer(request: GenerateRequest) -> str:
        asked.append(request)
        return f"{said(request)} {request.seed}"

    items = [(prompt("a"), 0), (prompt("b"), 0), (prompt("b"), 1)]
    result = pairs.sample_pairs(chunk(*items), ScriptedEngine(answer), pairs.PairSettings(), "chat")
    assert len({request.seed for request in asked}) == 6
    assert len({pair.id for pair in result.records}) == 3
    for pair, (item, _) in zip(result.records, items, strict=True):
        assert isinstance(pair, Pair)
        assert all(text.startswith(item.messages[0].content) for text in (pair.first, pair.second))
        assert pair.comparison().first == pair.first
    assert (result.tokens_in, result.tokens_out) == (12, 18)


def test_the_stage_pairs_held_out_prompts_too(open_folder: Any, prompt: MakePrompt) -> None:
    open_folder("prompts").write_records(
        Prompt, [prompt("a"), prompt("b", split="held_out"), prompt("c", "helpful")], set_name="prompts"
    )
    folder = open_folder("pairs")
    engine = ScriptedEngine(lambda request: str(request.seed))
    pairs.run(folder, pairs.PairSettings(samples=2), "chat", lambda: engine)
    asked = [("a", "train"), ("a", "train"), ("b", "held_out"), ("b", "held_out")]
    assert [(p.prompt_id, p.split) for p in folder.run.read("pairs", Pair)] == asked


def test_helpful_prompts_are_paired_where_the_recipe_says_so(open_folder: Any, prompt: MakePrompt) -> None:
    given = [prompt("a"), prompt("b", "helpful"), prompt("c", "safe_sounding", split="held_out")]
    open_folder("prompts").write_records(Prompt, given, set_name="prompts")
    folder = open_folder("pairs")
    settings = pairs.PairSettings.model_validate({"kinds": ["red_team", "helpful"]})
    pairs.run(folder, settings, "chat", lambda: ScriptedEngine(lambda request: str(request.seed)))
    assert [p.prompt_id for p in folder.run.read("pairs", Pair)] == ["a", "b"]
