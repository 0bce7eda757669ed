"""Stage `warm_up`: what is taught and counted, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from precepts.constitution import Constitution
from precepts.errors import InputError
from precepts.recipe import Recipe
from precepts.records import Message, Prompt, TrainingStep, messages_id
from precepts.runs.folder import StageFolder
from precepts.sources.read import SourceSettings
from precepts.stages import warm_up
from precepts.stages.label import LabelSettings
from precepts.stages.warm_up import WarmUpSettings

STEP = TrainingStep(1, 1.0, 0.5, 1e-4, None, None, None, None)
ROWS = [
    {"prompt": "Help me scare him.", "response": "Shout.", "critique": "It hurts.", "revision": "No. Talk to him."},
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
    given: list[tuple[Any, str]] = []

    def train(model: str, examples: list[tuple[Any, str]], *more: Any) -> tuple[list[TrainingStep], int]:
        given.extend(examples)
        return [STEP], 40

    def make(rows: list[dict[str, str]], asked: str = "multiple_choice", direct: bool = False, **settings: Any) -> Any:
        path = tmp_path / "demonstrations.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        held_out = (Message("user", "Held out."),)
        secret = Prompt(messages_id(held_out), "red_team", "held_out", "", "test", held_out)
        open_folder("prompts").write_records(Prompt, [secret], set_name="prompts")
        folder = open_folder("warm_up")
        source = [SourceSettings(source=str(path))]
        told = WarmUpSettings(demonstrations=source, **settings)
        warm_up.run(folder, told, LabelSettings(labeler=asked), "chat", constitution, "start", direct)
        state = folder.run.state("warm_up")
        assert state is not None and state.done
        return given, dict(state.counts)

    monkeypatch.setattr("precepts.training.sft.train_sft", train)
    return make


def test_rounds_and_comparisons_are_taught(warm: Any) -> None:
    given, counts = warm(ROWS, principles=2)
    answers = [answer for _, answer in given]
    assert counts == {
        "rounds taught": 3,
        "rounds that leave a response as it is": 2,
        "comparisons taught": 2,
        "given twice": 1,
        "left out: the prompt is held out": 1,
        "rows left out": 1,
    }
    assert answers[:2] == ["It hurts.", "No. Talk to him."]
    assert answers.count("The answer is: (A)") == answers.count("The answer is: (B)") == 2 * 2
    assert len(answers) == 3 * 2 + 2 * 2 * 2


@pytest.mark.parametrize(
    ("settings", "direct", "count"),
    [
        ({"labeler": False}, False, 6),
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
