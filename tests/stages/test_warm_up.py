"""Stage `warm_up`: what is taught and counted, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from precepts.constitution import Constitution
from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.errors import InputError
from precepts.recipe import Recipe
from precepts.records import Demonstration, Message, Prompt, Response, TrainingStep, messages_id
from precepts.runs.folder import StageFolder
from precepts.sources.read import SourceSettings
from precepts.stages import warm_up
from precepts.stages.label import LabelSettings
from precepts.stages.respond import SamplingSettings
from precepts.stages.warm_up import WarmUpSettings, with_own
from precepts.training.launch import Example
from precepts.training.settings import LoraSettings

STEP = TrainingStep(1, 1.0, 0.5, 1e-4, None, None, None, None)
ROWS = [
    {
        "prompt": "Help me scare him.",
        "response": "Shout.",
        "critique": "It hurts.",
        "revision": "I won't help with that.",
    },
    {"prompt": "Name a fruit.", "response": "A pear.", "critique": "Fine.", "revision": "A pear.", "worse": "No."},
    {"prompt": "Name a tree.", "response": "An oak.", "critique": "Fine.", "revision": "An oak."},
    {"prompt": "Name a tree.", "response": "An oak.", "critique": "Fine.", "revision": "An oak."},
    {"prompt": "Held out.", "response": "Yes.", "critique": "Bad.", "revision": "No."},
    {"prompt": "Of no use.", "response": "Yes.", "critique": " ", "revision": "No."},
]


@pytest.fixture
def warm(
    tmp_path: Path,
    open_folder: Callable[[str], StageFolder],
    constitution: Constitution,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[list[tuple[Any, str]], dict[str, int]]]:
    """Runs the stage over `rows`; returns what was to be learnt and what was counted."""
    given: list[Example] = []

    def train(model: str, examples: list[Example], *more: Any) -> tuple[list[TrainingStep], int]:
        given.extend(examples)
        return [STEP], 40

    def make(
        rows: list[dict[str, str]],
        asked: str = "multiple_choice",
        direct: bool = False,
        answers: Any = (),
        **settings: Any,
    ) -> Any:
        path = tmp_path / "demonstrations.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        held_out = (Message("user", "Held out."),)
        secret = Prompt(messages_id(held_out), "red_team", "held_out", "", "test", held_out)
        open_folder("prompts").write_records(Prompt, [secret], set_name="prompts")
        folder = open_folder("warm_up")
        source = [SourceSettings(source=str(path))]
        told = WarmUpSettings(demonstrations=source, **({"own_responses": 0.0, "verdict_head": False} | settings))
        sampling, engine = SamplingSettings(), ScriptedEngine(answers)
        label = LabelSettings(labeler=asked)
        warm_up.run(folder, told, label, sampling, "chat", constitution, "start", lambda: engine, direct)
        state = folder.run.state("warm_up")
        assert state is not None and state.done
        return given, dict(state.counts)

    monkeypatch.setattr("precepts.training.sft.train_sft", train)
    return make


def test_rounds_and_comparisons_are_taught(warm: Any) -> None:
    given, counts = warm(ROWS, principles=2)
    answers = [answer for _, answer, *_ in given]
    assert counts == {
        "rounds taught": 3,
        "rounds with the start model's own response": 0,
        "rounds that leave a response as it is": 2,
        "comparisons taught": 2,
        "given twice": 1,
        "left out: the prompt is held out": 1,
        "rows left out": 1,
    }
    assert answers[:2] == ["This does harm. It hurts.", "I won't help with that."]
    assert answers.count("The answer is: (A)") == answers.count("The answer is: (B)") == 2 * 2
    assert len(answers) == 3 * 2 + 1 + 2 * 2 * 2


def test_the_start_models_own_responses_stand_for_the_written_ones(warm: Any) -> None:
    def answer(request: GenerateRequest) -> str:
        return {"Help me scare him.": "Make a face.", "Name a fruit.": "I'm sorry, but I can't help with that."}.get(
            said(request), "A fir."
        )

    rest = [
        {"prompt": "Name a town.", "response": "I can't help with that.", "critique": "Why?", "revision": "Rome."},
        {"prompt": "Name a hill.", "response": "Hills bore me.", "critique": "It is rude.", "revision": "Arbour Hill."},
    ]
    given, counts = warm([*ROWS[:3], *rest], answers=answer, own_responses=1.0, labeler=False)
    assert counts["rounds with the start model's own response"] == 3
    shown = {(prompt[1].content, answer) for prompt, answer, *_ in given}
    assert ("Make a face.", "This does harm. It hurts.") in shown
    assert ("Make a face.", "I won't help with that.") in shown
    assert ("A pear.", "Nothing needs to change. Fine.") in shown  # the model's own was a refusal
    assert ("A fir.", "Nothing needs to change. Fine.") in shown  # what was fine is left as it is
    assert "An oak." not in {response for response, _ in shown}
    assert ("I can't help with that.", "This refuses without need. Why?") in shown
    assert ("A fir.", "Nothing needs to change.") in shown  # beside the refusal
    assert ("Hills bore me.", "This serves the human badly. It is rude.") in shown  # no other response has that fault


@pytest.mark.parametrize(
    ("text", "finish", "kept"),
    [("One. Two", "length", "One."), ("One. Two", "stop", "One. Two")],
)
def test_a_response_that_was_cut_is_kept_up_to_its_last_sentence(text: str, finish: str, kept: str) -> None:
    fine = Demonstration("a", "p", "", (Message("user", "Count."),), "One.", "Good.", "One.", "No.")
    said = Response("r", "a", "demonstration", "train", 0, fine.messages, text, None, finish, "start", 0, 1, 1)
    mended = replace(fine, revision="I won't help with that.", worse="One.")
    refused = replace(fine, response="I can't help with that.")
    changed, other = (with_own([each], [said])[0] for each in (fine, mended))
    assert (changed.response, changed.revision, changed.worse, changed.unchanged) == (kept, kept, "No.", True)
    assert (other.response, other.revision, other.worse) == (text, mended.revision, text)
    assert [(each.response, each.revision) for each in with_own([refused], [said])] == [
        (refused.response, "One."),
        (kept, kept),
    ]
    assert with_own([fine], [replace(said, unusable="empty")]) == [fine]


def test_an_adapter_stands_for_the_training(
    tiny_model: Path, tmp_path: Path, open_folder: Callable[[str], StageFolder], constitution: Constitution
) -> None:
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from precepts.training.fit import lora_config

    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    get_peft_model(base, lora_config(LoraSettings(rank=2), "CAUSAL_LM", base)).save_pretrained(tmp_path / "adapter")
    folder, engine = open_folder("warm_up"), ScriptedEngine(())
    given = (LabelSettings(), SamplingSettings(), "chat", constitution, str(tiny_model), lambda: engine, False)
    warm_up.run(folder, WarmUpSettings(adapter=str(tmp_path / "adapter")), *given)  # type: ignore[arg-type]
    assert (folder.run.model("critic") / "adapter" / "adapter_model.safetensors").exists()
    state = folder.run.state("warm_up")
    assert state is not None and state.done and state.counts == {"adapters that were trained before": 1}
    with pytest.raises(InputError, match=r"warm_up\.adapter 'nowhere': no folder with adapter_config\.json"):
        warm_up.run(folder, WarmUpSettings(adapter="nowhere"), *given)  # type: ignore[arg-type]


def test_something_is_to_be_taught() -> None:
    with pytest.raises(ValidationError, match="warm_up needs demonstrations, or an adapter"):
        WarmUpSettings()


@pytest.mark.parametrize(
    ("settings", "direct", "count"),
    [
        ({"labeler": False}, False, 7),
        ({"labeler": False}, True, 3),
        ({"critic": False, "principles": 1}, False, 4),
        ({"principles": 1}, True, 7),
    ],
)
def test_what_is_taught_can_be_chosen(warm: Any, settings: dict[str, Any], direct: bool, count: int) -> None:
    given, _ = warm(ROWS, direct=direct, **settings)
    assert len(given) == count


def test_a_labeler_that_cannot_be_taught_is_refused(warm: Any) -> None:
    with pytest.raises(InputError, match=r"'chain_of_thought' cannot be taught; set warm_up\.labeler: false"):
        warm(ROWS, asked="chain_of_thought")


def test_nothing_to_teach_is_an_error(warm: Any) -> None:
    with pytest.raises(InputError, match="no demonstration can be used"):
        warm(ROWS[4:])


def test_a_row_without_its_fields_is_named(warm: Any) -> None:
    with pytest.raises(InputError, match=r"line 1.*no column 'critique'"):
        warm([{"prompt": "a", "response": "b"}])


def test_a_second_judge_is_refused() -> None:
    taught = {"demonstrations": ["mine.jsonl"]}
    with pytest.raises(ValidationError, match=r"models\.feedback names another judge"):
        Recipe.model_validate({"warm_up": taught, "models": {"feedback": "other"}})
    assert Recipe.model_validate({"warm_up": taught | {"labeler": False}, "models": {"feedback": "other"}}).warm_up
    assert Recipe.model_validate({}).warm_up is None


@pytest.mark.parametrize("warm_up", [None, {"demonstrations": ["mine.jsonl"], "critic": False}])
def test_whether_a_revision_is_fine_is_asked_of_a_taught_critic_alone(warm_up: dict[str, Any] | None) -> None:
    asked = {"sl": {"hygiene": {"fineness": 0}}}
    with pytest.raises(ValidationError, match=r"fineness asks a critic that a warm-up made; add warm_up"):
        Recipe.model_validate(asked | {"warm_up": warm_up})
    assert Recipe.model_validate(asked | {"warm_up": {"demonstrations": ["mine.jsonl"]}}).warm_up


@pytest.mark.parametrize(
    ("text", "finish", "whole"),
    [
        ("Whole. And whole", "stop", "Whole. And whole"),
        ("Whole. And then it", "length", "Whole."),
        ('He said "no!" Then', "length", 'He said "no!"'),
        ("Steps:\n\n1. Take a", "length", ""),
        ("Is it? Yes! It costs 3.5 or", "length", "Is it? Yes!"),
        ("never ends", "length", ""),
        ("Ends here.", "length", "Ends here."),
    ],
)
def test_an_own_response_that_was_cut_ends_with_its_last_whole_sentence(text: str, finish: str, whole: str) -> None:
    assert warm_up.whole_sentences(text, finish) == whole
