"""Stage `revise` on a scripted engine: rounds chain, draws are recorded, what is unusable is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from precepts.constitution import Constitution
from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.base import VerdictRequest
from precepts.engines.scripted import said
from precepts.records import Message, Response, Revision
from precepts.runs.work import Chunk
from precepts.stages import revise

Answer = Callable[[GenerateRequest], str]


def response(name: str, text: str = "", kind: str = "red_team", unusable: str | None = None) -> Response:
    asked = (Message("user", f"Say {name}."),)
    return Response(name, f"p-{name}", kind, "train", 0, asked, text or name, unusable, "stop", "m", 1, 1, 1)


def settings(**changed: Any) -> revise.ReviseSettings:
    return revise.ReviseSettings(**({"rounds": 3, "shots": 0} | changed))


def is_critique(request: GenerateRequest) -> bool:
    return (
        said(request).endswith(f"Critique:{request.prefill}") or "Criticise by" in said(request).rpartition("\n\n")[2]
    )


def rounds(
    answer: Answer, constitution: Constitution, *items: Response, style: Any = "raw", seed: int = 3, **changed: Any
) -> list[Revision]:
    chunk = Chunk(0, items or (response("x"),), seed)
    result = revise.revise(chunk, ScriptedEngine(answer), settings(**changed), style, constitution)
    return list(result.records)


def counting() -> Answer:
    """Answers c1, v1, c2, v2, ... for one item."""
    said_so_far = iter(f"{kind}{n}" for n in range(1, 9) for kind in "cv")
    return lambda request: next(said_so_far)


def test_each_round_begins_from_the_last_revision(constitution: Constitution) -> None:
    found = rounds(counting(), constitution)
    assert [(r.round, r.previous, r.critique, r.text) for r in found] == [
        (1, "x", "c1", "v1"),
        (2, "v1", "c2", "v2"),
        (3, "v2", "c3", "v3"),
    ]
    assert all(r.unusable is None for r in found)
    second = found[1]
    rule = constitution.principle(second.principle_id)
    assert second.critique_sent == (
        f"\n\nHuman: Say x.\n\nAssistant: v1\n\nCritiqueRequest: {rule.critique_request}\n\nCritique:"
    )
    assert second.revision_sent == (
        f"{second.critique_sent} c2\n\nRevisionRequest: {rule.revision_request}\n\nRevision:"
    )


@pytest.mark.parametrize(
    ("silent", "texts", "reasons"),
    [
        # which reply of c1 v1 c2 v2 c3 v3 is empty; what each round begins from; the rounds' reasons
        ("v1", ["x", "x", "v2"], ["empty", None, None]),
        ("v2", ["x", "v1", "v1"], [None, "empty", None]),
        ("c1", ["x", "x", "v2"], ["critique empty", None, None]),
        ("v3", ["x", "v1", "v2"], [None, None, "empty"]),
    ],
)
def test_an_empty_reply_is_kept_and_the_next_round_goes_on_from_the_last_usable_text(
    constitution: Constitution, silent: str, texts: list[str], reasons: list[str | None]
) -> None:
    number = {"c": 0, "v": 0}

    def answer(request: GenerateRequest) -> str:
        kind = "c" if is_critique(request) else "v"
        number[kind] += 1
        if kind == "v" and silent == "c1" and number["v"] == 1:
            number["v"] = 2  # round 1 asks for no revision
        return "" if silent == f"{kind}{number[kind]}" else f"{kind}{number[kind]}"

    found = rounds(answer, constitution)
    assert [r.previous for r in found] == texts
    assert [r.unusable for r in found] == reasons
    for each in found:
        assert (each.text == "") == (each.unusable is not None)
        assert (each.revision_sent == "") == (each.unusable == "critique empty")


def test_items_of_a_chunk_do_not_mix(constitution: Constitution) -> None:
    def answer(request: GenerateRequest) -> str:
        name = said(request).partition("Say ")[2][0]
        return (
            ""
            if name == "b" and is_critique(request)
            else f"{name}, {'criticised' if is_critique(request) else 'revised'}"
        )

    items = [response(name) for name in "abc"]
    found = rounds(answer, constitution, *items, rounds=2)
    assert [(r.response_id, r.round) for r in found] == [(name, n) for n in (1, 2) for name in "abc"]
    for each in found:
        assert each.prompt_id == f"p-{each.response_id}"
        assert each.text == ("" if each.response_id == "b" else f"{each.response_id}, revised")
        assert each.unusable == ("critique empty" if each.response_id == "b" else None)


def test_draws_are_recorded_differ_by_round_and_repeat_by_seed(constitution: Constitution) -> None:
    items = [response(f"item-{n}") for n in range(30)]
    draws = [
        [(r.principle_id, r.principle_hash) for r in rounds(lambda _: "Fine.", constitution, *items, seed=seed)]
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert {name for name, _ in draws[0]} == {f"rule-{n}" for n in range(4)}
    assert all(constitution.principle(name).hash == digest for name, digest in draws[0])
    first, second = draws[0][:30], draws[0][30:60]
    assert 1 <= sum(a == b for a, b in zip(first, second, strict=True)) <= 20  # drawn anew for each round


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_a_direct_revision_asks_once_a_round(constitution: Constitution, style: Any) -> None:
    texts = iter(["v1", "", "v3"])
    found = rounds(lambda _: next(texts), constitution, style=style, direct_revision=True)
    assert [(r.previous, r.critique, r.critique_sent, r.text) for r in found] == [
        ("x", "", "", "v1"),
        ("v1", "", "", ""),
        ("v1", "", "", "v3"),
    ]
    assert "Criticise" not in found[0].revision_sent


def test_what_was_sent_in_chat_is_kept_as_json(constitution: Constitution) -> None:
    (only,) = rounds(counting(), constitution, style="chat", rounds=1)
    sent = json.loads(only.revision_sent)
    assert [each["role"] for each in sent] == ["user", "assistant"] * 2 + ["user"]
    assert sent[:4] == [*json.loads(only.critique_sent), {"role": "assistant", "content": "c1"}]


def test_critiques_and_revisions_have_their_own_limits_and_seeds(constitution: Constitution) -> None:
    asked: list[GenerateRequest] = []

    def answer(request: GenerateRequest) -> str:
        asked.append(request)
        return "one two three four five six"

    found = rounds(answer, constitution, rounds=2, critique_tokens=2, max_tokens=4, temperature=0.3, top_p=0.8)
    assert [request.max_tokens for request in asked] == [2, 4, 2, 4]
    assert len({request.seed for request in asked}) == 4
    assert all((each.temperature, each.top_p) == (0.3, 0.8) for each in asked)
    assert [(r.critique, r.text) for r in found] == [("one two", "one two three four")] * 2
    assert [r.tokens_out for r in found] == [6, 6]


def test_the_stage_takes_usable_red_team_responses_and_counts_reasons(
    open_folder: Any, constitution: Constitution
) -> None:
    given = [response("a"), response("b", unusable="empty"), response("c", kind="helpful"), response("d")]
    open_folder("respond").write_records(Response, given)
    folder = open_folder("revise")
    engine = ScriptedEngine(lambda request: "" if "Say d" in said(request) else "Fine.")
    revise.run(folder, settings(rounds=2, chunk_size=1), "raw", constitution, lambda: engine)
    found = list(folder.run.read("revise", Revision))
    assert [(r.response_id, r.round) for r in found] == [("a", 1), ("a", 2), ("d", 1), ("d", 2)]
    state = folder.run.state("revise")
    assert state is not None
    assert state.counts == {"unusable: critique empty": 2, "usable": 2}
    assert state.tokens_in == sum(r.tokens_in for r in found)


class Headed(ScriptedEngine):
    """Finds fault with all but "Fine."."""

    def verdicts(self, requests: Sequence[VerdictRequest], among: Sequence[str]) -> list[list[float]]:
        return [[-0.1, -3.0] if each.response == "Fine." else [-3.0, -0.1] for each in requests]


@pytest.mark.parametrize(("style", "space"), [("chat", ""), ("raw", " ")])
def test_a_verdict_head_opens_the_critique(constitution: Constitution, style: Any, space: str) -> None:
    prefills = []

    def answer(request: GenerateRequest) -> str:
        if not is_critique(request):
            return "No."
        prefills.append(request.prefill)
        return "It hurts." if "harm" in request.prefill else ""

    chunk = Chunk(0, (response("a", "Yes."), response("b", "Fine.")), 3)
    records = revise.revise(chunk, Headed(answer), settings(rounds=1), style, constitution).records
    assert prefills == [f"{space}This does harm.", f"{space}Nothing needs to change."]
    assert [each.critique for each in records] == ["This does harm. It hurts.", "Nothing needs to change."]
    assert [(each.text, each.unusable) for each in records] == [("No.", None)] * 2
    assert all("This does harm." in each.critique_sent for each in records[:1])
