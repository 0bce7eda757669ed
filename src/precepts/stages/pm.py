"""Stage `pm`: one preference model from AI and human preferences (paper section 4.1).

Reads the AI labels of training prompts (harmlessness) and the human comparisons of the training split (helpfulness).
Writes `models/pm` and the training's steps.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from precepts.errors import RunError
from precepts.prompts.formats import Format
from precepts.records import AIPreference, HumanComparison, TrainingStep
from precepts.runs.folder import StageFolder
from precepts.stages.prompts import refuse_leaks
from precepts.training.settings import SupervisedSettings


class PMSettings(SupervisedSettings):
    """Training, what a pair of each source counts in the loss, and soft labels or hard ones."""

    labels: Literal["soft", "hard"] = "soft"
    helpful_weight: float = Field(default=1.0, ge=0)
    harmless_weight: float = Field(default=1.0, ge=0)


def run(folder: StageFolder, settings: PMSettings, style: Format, model: str, held_out: float) -> None:
    """Train the preference model. Raises RunError where no pair can be used or a prompt is held out."""
    from precepts.training.preference_model import LabelledPair, train_preference_model

    labels = [
        each
        for each in folder.run.read("label", AIPreference)
        if each.split == "train" and each.p_first is not None and settings.harmless_weight > 0
    ]
    human = [
        each
        for each in folder.run.read("prompts", HumanComparison, "comparisons")
        if each.split == "train" and settings.helpful_weight > 0
    ]
    refuse_leaks(folder, [*labels, *human], held_out)
    pairs = [
        LabelledPair(e.messages, e.first, e.second, _target(e.p_first, settings.labels), settings.harmless_weight)
        for e in labels
        if e.p_first is not None
    ]
    pairs += [LabelledPair(e.messages, e.chosen, e.rejected, 1.0, settings.helpful_weight) for e in human]
    if not pairs:
        raise RunError("pm: no labelled pair can be used; see the counts of the stages prompts and label")
    steps, tokens = train_preference_model(
        model,
        pairs,
        folder.run.model("pm"),
        folder.scratch,
        settings,
        style,
        folder.stage_seed,
        lambda total, done: folder.task("", total, done, "steps"),
    )
    folder.write_records(TrainingStep, steps, (tokens, 0))
    folder.finish({"AI labels": len(labels), "human comparisons": len(human)})


def _target(p_first: float, labels: Literal["soft", "hard"]) -> float:
    if labels == "soft" or p_first == 0.5:
        return p_first
    return float(p_first > 0.5)
