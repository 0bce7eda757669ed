"""Stages `label` and `audit` on a scripted engine: what is labelled, what is left out, what is counted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from precepts.constitution import Constitution
from precepts.engines import ChoiceRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.errors import InputError
from precepts.evals.audit import audit as audit_of
from precepts.recipe import recipe_of
from precepts.records import AIPreference, Message, Pair
from precepts.runs.work import Chunk
from precepts.stages import audit, label
from precepts.stages.label import LabelSettings, fitted_rules, label_worker


def pair(name: str, split: str = "train", unusable: str | None = None) -> Pair:
    return Pair(name, f"p-{name}", split, (Message("user", f"Say {name}."),), "kind", "rude", unusable, "m", 1, 1, 1)


def odds(request: ChoiceRequest) -> list[float]:
    """Three to one for the kind response; nothing to say about "mute"."""
    if "Say mute" in said(request):
        return [math.nan, math.nan]
    first = "(A) [[[ kind" in said(request)
    return [math.log(0.75), math.log(0.25)] if first else [math.log(0.25), math.log(0.75)]


def worker(constitution: Constitution, engine: ScriptedEngine, **settings: Any) -> Any:
    made = LabelSettings(**settings)
    return label_worker(engine, made, "raw", constitution, made.rules())


@pytest.mark.parametrize(("both", "asked"), [(True, 2), (False, 1)])
def test_a_chunk_of_labels_and_its_tokens(constitution: Constitution, both: bool, asked: int) -> None:
    items = tuple(pair(name).comparison() for name in ("a", "b", "mute"))
    engine = ScriptedEngine([], odds)
    engine.usage.tokens_in = 1000  # of an earlier chunk
    result = worker(constitution, engine, shots=1, both_orders=both)(Chunk(0, items, 3))
    assert [(r.id, r.prompt_id, r.unscored) for r in result.records] == [
        ("a", "p-a", None),
        ("b", "p-b", None),
        ("mute", "p-mute", "no_logprobs"),
    ]
    assert [r.p_first for r in result.records] == [pytest.approx(0.75), pytest.approx(0.75), None]
    assert result.tokens_in == engine.usage.tokens_in - 1000 > 0
    assert len(result.records[0].readings) == asked


def test_the_stage_labels_usable_pairs_of_both_splits_and_counts(open_folder: Any, constitution: Constitution) -> None:
    given = [pair("a"), pair("b", "held_out"), pair("c", unusable="identical"), pair("mute")]
    open_folder("pairs").write_records(Pair, given)
    folder = open_folder("label")
    settings = LabelSettings(shots=0, chunk_size=2)
    label.run(folder, settings, "chat", constitution, lambda: ScriptedEngine([], odds, name="judge"))
    found = list(folder.run.read("label", AIPreference))
    assert [(r.id, r.split, r.model) for r in found] == [
        ("a", "train", "judge"),
        ("b", "held_out", "judge"),
        ("mute", "train", "judge"),
    ]
    assert found[0].readings[0].logprobs == pytest.approx((math.log(0.75), math.log(0.25)))
    assert found[2].p_first is None
    state = folder.run.state("label")
    assert state is not None
    assert state.counts == {"scored": 2, "unscored: no_logprobs": 1}
    assert state.tokens_in > 0


def test_the_audit_sets_labels_beside_peoples_and_is_what_calibration_uses(
    open_folder: Any, constitution: Constitution, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"prompt": f"Say {n}.", "chosen": "kind" if n % 4 else "rude", "rejected": "rude" if n % 4 else "kind"}
        for n in range(40)
    ]
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = audit.AuditSettings(comparisons=[str(tmp_path / "known.jsonl")])  # type: ignore[list-item]
    asking = LabelSettings(shots=0, calibrate="temperature")
    folder = open_folder("audit")
    audit.run(folder, settings, asking, "chat", constitution, lambda: ScriptedEngine([], odds))
    labels = list(folder.run.read("audit", AIPreference))
    found = audit_of(labels)
    assert (found.n, found.scored) == (40, 40)
    assert found.accuracy.value == pytest.approx(0.75)
    assert {each.human for each in labels} == {"first", "second"}  # the chosen one stands in either place
    fitted = fitted_rules(folder.run, asking)
    assert fitted.temperature == pytest.approx(1.0, abs=1e-3)  # says three to one, is right three times in four
    assert fitted.prior == pytest.approx(0.0)


def test_an_audit_without_comparisons_is_refused(open_folder: Any, constitution: Constitution, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text('{"prompt": "", "chosen": "a", "rejected": "b"}\n')
    settings = audit.AuditSettings(comparisons=[str(tmp_path / "none.jsonl")])  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"audit\.comparisons"):
        audit.run(open_folder("audit"), settings, LabelSettings(), "chat", constitution, lambda: ScriptedEngine([]))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"labeler": "contrastiv"}, "contrastive"),
        ({"labeler": "chain_of_thought", "options": {"clmap": [0.4, 0.6]}}, "clamp"),
        ({"labeler": "chain_of_thought", "options": {"clamp": [0.6, 0.4]}}, "clamp"),
        ({"labeler": "multiple_choice", "options": {"scale": 2.0}}, "least_mass"),
        ({"abstain": 2.0}, "abstain"),
    ],
)
def test_settings_a_labeler_does_not_take(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        recipe_of({"label": settings})
