"""Stage `label` on a scripted engine: what is labelled, what is left out, and what is counted."""

from __future__ import annotations

import math
from typing import Any

import pytest

from precepts.constitution import Constitution
from precepts.engines import ChoiceRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.feedback.multiple_choice import MultipleChoice
from precepts.records import AIPreference, Message, Pair
from precepts.runs.work import Chunk
from precepts.stages import label


def pair(name: str, split: str = "train", unusable: str | None = None) -> Pair:
    return Pair(name, f"p-{name}", split, (Message("user", f"Say {name}."),), "kind", "rude", unusable, "m", 1, 1, 1)


def odds(request: ChoiceRequest) -> list[float]:
    """Three to one for the kind response; nothing to say about "mute"."""
    if "Say mute" in said(request):
        return [math.nan, math.nan]
    first = "(A) [[[ kind" in said(request)
    return [math.log(0.75), math.log(0.25)] if first else [math.log(0.25), math.log(0.75)]


@pytest.mark.parametrize(("both", "asked"), [(True, 2), (False, 1)])
def test_a_chunk_of_labels_and_its_tokens(constitution: Constitution, both: bool, asked: int) -> None:
    items = tuple(pair(name).comparison() for name in ("a", "b", "mute"))
    engine = ScriptedEngine([], odds)
    engine.usage.tokens_in = 1000  # of an earlier chunk
    result = label.label(Chunk(0, items, 3), engine, MultipleChoice("raw", 1, both), constitution)
    assert [(r.id, r.prompt_id, r.unscored) for r in result.records] == [
        ("a", "p-a", None),
        ("b", "p-b", None),
        ("mute", "p-mute", "no_logprobs"),
    ]
    assert [r.p_first for r in result.records] == [pytest.approx(0.75), pytest.approx(0.75), None]
    assert result.tokens_in == engine.usage.tokens_in - 1000 > 0
    assert (result.records[0].logprobs_swapped is not None) == (asked == 2)


def test_a_chunk_done_again_draws_the_same_and_another_seed_does_not(constitution: Constitution) -> None:
    items = tuple(pair(f"item-{n}").comparison() for n in range(20))
    draws = [
        [
            (r.principle_id, r.shot_principles)
            for r in label.label(
                Chunk(0, items, seed), ScriptedEngine([]), MultipleChoice("raw", 2, True), constitution
            ).records
        ]
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_the_stage_labels_usable_pairs_of_both_splits_and_counts(open_folder: Any, constitution: Constitution) -> None:
    given = [pair("a"), pair("b", "held_out"), pair("c", unusable="identical"), pair("mute")]
    open_folder("pairs").write_records(Pair, given)
    folder = open_folder("label")
    settings = label.LabelSettings(shots=0, chunk_size=2)
    label.run(folder, settings, "chat", constitution, lambda: ScriptedEngine([], odds, name="judge"))
    found = list(folder.run.read("label", AIPreference))
    assert [(r.id, r.split, r.model) for r in found] == [
        ("a", "train", "judge"),
        ("b", "held_out", "judge"),
        ("mute", "train", "judge"),
    ]
    assert found[0].logprobs == pytest.approx((math.log(0.75), math.log(0.25)))
    assert found[2].p_first is None
    state = folder.run.state("label")
    assert state is not None
    assert state.counts == {"scored": 2, "unscored: no_logprobs": 1}
    assert state.tokens_in > 0
