"""Stages `sl`, `pm` and `rl` with the training taken out: what they would train on, and that no held-out prompt is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from precepts.constitution import Constitution
from precepts.engines import ChoiceRequest, Engine
from precepts.engines.base import Usage
from precepts.errors import InputError, RunError
from precepts.evidence import LearntRevision, RevisionScore, ScoredComparison
from precepts.feedback.hygiene import HygieneSettings
from precepts.records import (
    AIPreference,
    HumanComparison,
    Message,
    Messages,
    Prompt,
    Response,
    Revision,
    Rollout,
    TrainingStep,
)
from precepts.runs.folder import StageFolder
from precepts.stages import pm, rl, sl
from precepts.training.preference_model import LabelledPair
from precepts.training.settings import BilinearSettings

MakePrompt = Callable[..., Prompt]
STEP = TrainingStep(1, 1.0, 0.5, 1e-3, 1.0, None, None, None)


def asked(name: str) -> Messages:
    return (Message("user", f"Say {name}."),)


def response(name: str, kind: str, unusable: str | None = None) -> Response:
    return Response(name, name, kind, "train", 0, asked(name), f"answer {name}", unusable, "stop", "m", 1, 1, 1)


def revision(name: str, number: int, unusable: str | None = None) -> Revision:
    text = "" if unusable else f"revision {name} {number}"
    rule = ("rule-1", "x", "y")
    return Revision(
        f"{name}-{number}", name, name, number, *rule, asked(name), "", "", "", "", text, unusable, "stop", "m", 1, 1, 1
    )


def preference(name: str, p_first: float | None, split: str = "train") -> AIPreference:
    unscored = "no_logprobs" if p_first is None else None
    made = (None, "y", "multiple_choice", "{}", "m", ())
    return AIPreference(name, name, split, "", asked(name), "one", "two", *made, p_first, unscored)


def human(name: str, split: str = "train", aim: str = "helpful") -> HumanComparison:
    return HumanComparison(name, name, split, "", "test", asked(name), "good", "bad", aim)


def lengths(items: Sequence[tuple[Messages, str]]) -> list[float]:
    """Scores that are lengths."""
    return [float(len(text)) for _, text in items]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a training was given: its arguments, by the stage's name."""
    given: dict[str, Any] = {}

    def taking(name: str) -> Callable[..., tuple[list[TrainingStep], int]]:
        def train(*arguments: Any, **_: Any) -> tuple[list[TrainingStep], int]:
            given[name] = arguments
            return [STEP], 40

        return train

    monkeypatch.setattr(pm, "scorer", lambda run, style: lengths)
    monkeypatch.setattr("precepts.training.sft.train_sft", taking("sl"))
    monkeypatch.setattr("precepts.training.preference_model.train_preference_model", taking("pm"))
    monkeypatch.setattr("precepts.training.bilinear.train_bilinear", taking("bilinear"))
    monkeypatch.setattr("precepts.training.policy.train_policy", taking("rl"))
    return given


@pytest.fixture
def opened(open_folder: Any, prompt: MakePrompt) -> Callable[..., StageFolder]:
    """Opens a stage of a run in which the prompt "secret" is held out, with records of these prompts."""

    def make(stage: str, *names: str) -> StageFolder:
        prompts = [prompt(name, kind) for name, kind in zip(names, ("red_team", "helpful") * 4, strict=False)]
        source = open_folder("prompts")
        source.write_records(Prompt, [*prompts, prompt("secret", split="held_out")], set_name="prompts")
        source.write_records(HumanComparison, [human(name) for name in names], set_name="comparisons")
        open_folder("respond").write_records(Response, [response(name, "helpful") for name in names])
        open_folder("revise").write_records(Revision, [revision(name, 1) for name in names])
        open_folder("label").write_records(AIPreference, [preference(name, 0.7) for name in names])
        folder: StageFolder = open_folder(stage)
        return folder

    return make


def never() -> Engine:
    raise AssertionError("nobody is to be asked")


RUN: dict[str, Callable[[StageFolder, float], None]] = {
    "sl": lambda folder, held_out: sl.run(folder, sl.SLSettings(), "chat", "start", held_out, never, never, {}),
    "pm": lambda folder, held_out: pm.run(folder, pm.PMSettings(), "chat", "start", "ai", held_out),
    "rl": lambda folder, held_out: rl.run(folder, rl.RLSettings(batch_size=4), "chat", held_out),
}


LEAKS: dict[str, tuple[str, str, type[Any], list[Any]]] = {
    "a revision": ("sl", "revise", Revision, [revision("a", 1), revision("secret", 1)]),
    "a helpful answer": ("sl", "respond", Response, [response("secret", "helpful")]),
    "an AI label": ("pm", "label", AIPreference, [preference("secret", 0.7)]),
    "a human comparison": ("pm", "prompts", HumanComparison, [human("secret")]),
    "a prompt in both splits": ("rl", "prompts", Prompt, []),
}


@pytest.mark.parametrize(("stage", "source", "kind", "records"), LEAKS.values(), ids=LEAKS)
def test_a_held_out_prompt_stops_the_stage_before_any_training(
    stage: str,
    source: str,
    kind: type[Any],
    records: list[Any],
    opened: Any,
    open_folder: Any,
    prompt: MakePrompt,
    trained: dict[str, Any],
) -> None:
    folder = opened(stage, "a")
    twice = [prompt("a"), prompt("secret"), prompt("secret", split="held_out")]
    sets = {Prompt: "prompts", HumanComparison: "comparisons"}
    open_folder(source).write_records(kind, records or twice, set_name=sets.get(kind, "records"))
    with pytest.raises(
        RunError, match=rf"{stage}: prompt secret is held out .* must not be trained on: 'Say secret\.'"
    ):
        RUN[stage](folder, 0.0)
    assert not trained
    state = folder.run.state(stage)
    assert state is not None
    assert not state.done


@pytest.mark.parametrize("stage", RUN)
def test_a_prompt_that_the_hash_holds_out_stops_the_stage_too(stage: str, opened: Any, trained: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="is held out"):
        RUN[stage](opened(stage, "a", "b"), 0.999999)
    assert not trained


@pytest.mark.parametrize("stage", RUN)
def test_a_stage_keeps_its_steps_and_tokens(stage: str, opened: Any, trained: dict[str, Any]) -> None:
    folder = opened(stage, "a", "b")
    RUN[stage](folder, 0.0)
    assert list(folder.run.read(stage, TrainingStep)) == [STEP]
    state = folder.run.state(stage)
    assert state is not None
    assert state.done
    assert state.tokens_in == 40


@pytest.mark.parametrize("kept", [None, 2.5])
def test_sl_learns_usable_revisions_of_all_rounds_and_helpful_answers(
    opened: Any, open_folder: Any, trained: dict[str, Any], kept: float | None
) -> None:
    folder = opened("sl", "a")
    open_folder("revise").write_records(Revision, [revision("a", 1), revision("a", 2, "empty"), revision("a", 3)])
    open_folder("respond").write_records(
        Response,
        [
            response("r", "red_team"),
            response("h", "helpful"),
            replace(response("c", "helpful"), finish="length"),
            response("e", "helpful", "empty"),
        ],
    )
    sl.run(folder, sl.SLSettings(helpful_kl=kept), "chat", "start", 0.0, never, never, {})
    model, examples, target, work, *_ = trained["sl"]
    assert model == "start"
    assert [(messages[0].content, text, whole, keep) for messages, text, whole, keep in examples] == [
        ("Say a.", "revision a 1", True, 0.0),
        ("Say a.", "revision a 3", True, 0.0),
        ("Say h.", "answer h", True, kept or 0.0),
        ("Say c.", "answer c", False, kept or 0.0),  # cut: nobody is taught that it ends there
    ]
    assert (target, work) == (folder.run.model("sl"), folder.scratch)


def test_keeping_the_start_model_wants_an_adapter_to_take_off() -> None:
    with pytest.raises(ValidationError, match="helpful_kl compares with the model without its adapter; set lora"):
        sl.SLSettings(helpful_kl=1.0, lora=None)
    with pytest.raises(ValidationError, match="greater than 0"):
        sl.SLSettings(helpful_kl=0.0)


class Finding:
    """A critic that finds fault with what has an "x" in it, and has no words for a "?"."""

    usage = Usage()

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        self.asked = [str(each.prompt) for each in requests]
        fine = [-math.inf if "?" in said else math.log(0.1 if "x" in said else 0.7) for said in self.asked]
        return [[each, *[math.log(0.1)] * 3] for each in fine]


def test_sl_leaves_out_what_the_critic_finds_at_fault(
    opened: Any, open_folder: Any, trained: dict[str, Any], constitution: Constitution
) -> None:
    folder, critic = opened("sl", "a"), Finding()
    texts = {"good": "revised", "bad": "revixed", "unknown": "revised?"}
    open_folder("revise").write_records(
        Revision, [replace(revision("a", n), id=name, text=text) for n, (name, text) in enumerate(texts.items())]
    )
    principles = {each.id: each for each in constitution.revising}
    settings = sl.SLSettings(hygiene=HygieneSettings(fineness=0.0))
    sl.run(folder, settings, "chat", "start", 0.0, never, lambda: cast(Engine, critic), principles)
    assert [each.text for each in trained["sl"][1]] == ["revised", "revised?", "answer a"]
    assert all("Criticise by rule 1." in said for said in critic.asked)
    kept = {each.id: each.nats for each in folder.run.read("sl", RevisionScore, "fineness")}
    assert kept == {"good": pytest.approx(math.log(7 / 3)), "bad": pytest.approx(math.log(1 / 3)), "unknown": None}
    assert folder.run.state("sl").counts["found at fault, left out"] == 1
    learnt = {each.id: each.left_out for each in folder.run.read("sl", LearntRevision, "revisions")}
    assert learnt == {"good": None, "bad": "found at fault", "unknown": None}


def test_sl_without_a_usable_revision_says_so(opened: Any, open_folder: Any, trained: dict[str, Any]) -> None:
    folder = opened("sl", "a")
    open_folder("revise").write_records(Revision, [revision("a", 1, "empty")])
    with pytest.raises(RunError, match="no revision is usable"):
        RUN["sl"](folder, 0.0)


@pytest.mark.parametrize(
    ("changed", "pairs"),
    [
        ({}, [("good", 1.0, 1.0), ("one", 0.7, 1.0), ("one", 0.5, 1.0), ("one", 0.2, 1.0)]),
        ({"labels": "hard"}, [("good", 1.0, 1.0), ("one", 1.0, 1.0), ("one", 0.5, 1.0), ("one", 0.0, 1.0)]),
        ({"harmless_weight": 0.0, "helpful_weight": 2.0}, [("good", 1.0, 2.0)]),
        ({"helpful_weight": 0.0, "harmless_weight": 0.5}, [("one", 0.7, 0.5), ("one", 0.5, 0.5), ("one", 0.2, 0.5)]),
        (
            {"bilinear": BilinearSettings(), "helpful_weight": 0.0},
            [("one", 0.7, 1.0), ("one", 0.5, 1.0), ("one", 0.2, 1.0)],
        ),
    ],
)
def test_pm_mixes_scored_labels_and_human_comparisons_of_the_training_split(
    opened: Any, open_folder: Any, trained: dict[str, Any], changed: dict[str, Any], pairs: list[Any]
) -> None:
    folder = opened("pm", "a")
    labels = [preference(f"l{p}", p) for p in (0.7, None, 0.5, 0.2)]
    open_folder("label").write_records(AIPreference, [*labels, preference("l", 0.9, "held_out")])
    open_folder("prompts").write_records(HumanComparison, [human("h"), human("i", "held_out")], set_name="comparisons")
    pm.run(folder, pm.PMSettings(**changed), "chat", "start", "ai", 0.0)
    assert set(trained) == {"bilinear" if "bilinear" in changed else "pm"}
    given: list[LabelledPair] = next(iter(trained.values()))[1]
    assert [(p.first, p.p_first, p.weight) for p in given] == pairs


def test_pm_fits_and_scores_a_bilinear_model(opened: Any, open_folder: Any, tiny_model: Path) -> None:
    folder = opened("pm", "a")
    open_folder("label").write_records(AIPreference, [preference("l", 0.9), preference("m", 0.2, "held_out")])
    settings = pm.PMSettings(bilinear=BilinearSettings(), device="cpu")
    pm.run(folder, settings, "chat", str(tiny_model), "ai", 0.0)
    (scored,) = folder.run.read("pm", ScoredComparison, "comparisons")
    again = pm.scorer(folder.run, "chat")([(asked("m"), "one"), (asked("m"), "two")])
    assert again == pytest.approx([scored.score_first, scored.score_second], abs=1e-4)
    assert scored.score_first > scored.score_second  # as in the label that it was fitted to
    assert [each.step for each in folder.run.read("pm", TrainingStep)][:1] == [1]


def test_pm_takes_peoples_harmlessness_in_place_of_ai_labels(
    opened: Any, open_folder: Any, trained: dict[str, Any]
) -> None:
    folder = opened("pm", "a")
    known = [human("h"), human("s", aim="harmless"), human("i", "held_out"), human("t", "held_out", "harmless")]
    open_folder("prompts").write_records(HumanComparison, known, set_name="comparisons")
    pm.run(folder, pm.PMSettings(harmless_weight=0.5), "chat", "start", "human", 0.0)
    given: list[LabelledPair] = trained["pm"][1]
    assert [(p.messages[0].content, p.weight) for p in given] == [("Say h.", 1.0), ("Say s.", 0.5)]
    scored = list(folder.run.read("pm", ScoredComparison, "comparisons"))
    assert [(each.id, each.source) for each in scored] == [("i", "helpful"), ("t", "harmless")]
    state = folder.run.state("pm")
    assert state is not None
    used = {"AI labels": 0, "human helpfulness comparisons": 1, "human harmlessness comparisons": 1}
    assert state.counts == used


def test_pm_scores_what_is_held_out_and_trains_once(opened: Any, open_folder: Any, trained: dict[str, Any]) -> None:
    folder = opened("pm", "a")
    labels = [preference("a", 0.7), preference("l", 0.9, "held_out"), preference("n", None, "held_out")]
    open_folder("label").write_records(AIPreference, labels)
    held = [human("h"), human("i", "held_out"), human("t", "held_out", "harmless")]
    open_folder("prompts").write_records(HumanComparison, held, set_name="comparisons")
    folder.write_records(TrainingStep, [STEP], (40, 0))  # a kill came right after the training
    pm.run(folder, pm.PMSettings(), "chat", "start", "ai", 0.0)
    assert "pm" not in trained
    scored = list(folder.run.read("pm", ScoredComparison, "comparisons"))
    assert [(s.source, s.target, s.score_first, s.score_second) for s in scored] == [
        ("helpful", 1.0, 4.0, 3.0),
        ("harmless", 1.0, 4.0, 3.0),
        ("ai", 0.9, 3.0, 3.0),
    ]


def test_pm_without_a_usable_ai_label_says_so(opened: Any, open_folder: Any, trained: dict[str, Any]) -> None:
    folder = opened("pm", "a")
    open_folder("label").write_records(AIPreference, [preference("a", None)])
    with pytest.raises(RunError, match="no AI label"):
        pm.run(folder, pm.PMSettings(), "chat", "start", "ai", 0.0)
    pm.run(folder, pm.PMSettings(harmless_weight=0.0), "chat", "start", "ai", 0.0)
    assert len(trained["pm"][1]) == 1


def test_pm_without_a_pair_says_so(opened: Any, trained: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="no labelled pair can be used"):
        pm.run(opened("pm"), pm.PMSettings(), "chat", "start", "ai", 0.0)


def test_rl_keeps_the_rollouts_of_each_checkpoint_once(
    opened: Any, monkeypatch: pytest.MonkeyPatch, open_folder: Any
) -> None:
    def rollout(step: int, text: str = "x") -> Rollout:
        return Rollout(step, "a", "red_team", text, 0.5)

    def train(*arguments: Any, watch: Any) -> tuple[list[TrainingStep], int]:
        keep = arguments[-1]
        keep(2, [rollout(1), rollout(2)])
        keep(4, [rollout(3, "lost"), rollout(4, "lost")])  # as before a kill
        keep(4, [rollout(3), rollout(4)])  # as after it
        keep(5, [rollout(5)])
        keep(5, [])  # the last checkpoint left nothing for the end
        return [STEP], 40

    monkeypatch.setattr("precepts.training.policy.train_policy", train)
    folder = opened("rl", "a", "b")
    rl.run(folder, rl.RLSettings(batch_size=4, checkpoint_steps=2), "chat", 0.0)
    found = list(folder.run.read("rl", Rollout, "rollouts"))
    assert [(r.step, r.text) for r in found] == [(n, "x") for n in range(1, 6)]


def test_rl_with_fewer_prompts_than_a_step_takes_says_so(opened: Any, trained: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"a step of 16 completions takes 4 prompts and there are 3"):
        rl.run(opened("rl", "a", "b", "c"), rl.RLSettings(batch_size=16, group=4), "chat", 0.0)
    assert not trained
