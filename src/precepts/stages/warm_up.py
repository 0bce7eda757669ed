"""Stage `warm_up`: a small start model learns to criticise, to revise and to judge, from demonstrations.

Reads the recipe's demonstrations and the run's held-out prompts, whose demonstrations are left
out. Writes `models/critic` and the training's steps. The critic then revises (stage `revise`) and, where no feedback
model is named, judges (`audit`, `label`); what is finetuned later begins at the start model all the same, so nothing
that a demonstration says reaches it but through the critic's own revisions and labels. Large models leave this out.
The paper has no such stage: its models were large enough to learn from examples in the prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydantic import Field, field_validator

from precepts.constitution import Constitution
from precepts.errors import InputError
from precepts.feedback.labeler import Lesson, Teachable
from precepts.feedback.lessons import choice_lessons, round_lessons
from precepts.prompts.formats import Format
from precepts.records import Demonstration, TrainingStep
from precepts.runs.folder import StageFolder
from precepts.sources.items import read_demonstrations
from precepts.sources.read import SourceSettings
from precepts.stages.label import LabelSettings
from precepts.stages.prompts import held_out_ids, short_form
from precepts.training.settings import LoraSettings, SupervisedSettings


class WarmUpSettings(SupervisedSettings):
    """Where demonstrations come from, what is taught (`critic`: critique and revision; `labeler`: comparisons, each
    under that many `principles`), and how."""

    demonstrations: list[SourceSettings] = Field(min_length=1)
    critic: bool = True
    labeler: bool = True
    principles: int = Field(default=2, ge=1, le=64)
    learning_rate: float = Field(default=5e-4, gt=0)
    epochs: float = Field(default=2.0, gt=0)
    batch_size: int = Field(default=8, ge=1)
    micro_batch: int = Field(default=8, ge=1)
    lora: LoraSettings | None = LoraSettings(rank=32, alpha=64)
    max_length: int = Field(default=768, ge=16)

    _short = field_validator("demonstrations", mode="before")(short_form)


def run(
    folder: StageFolder,
    settings: WarmUpSettings,
    label: LabelSettings,
    style: Format,
    constitution: Constitution,
    model: str,
    direct: bool,
) -> None:
    """Train the critic. Raises InputError where no demonstration can be used or the labeler cannot be taught."""
    from precepts.training.launch import train_sft

    counts: Counter[str] = Counter()
    usable = list(_demonstrations(folder, settings, counts))
    lessons = _lessons(usable, settings, label, style, constitution, folder.stage_seed, direct, counts)
    if not lessons:
        raise InputError("warm_up.demonstrations: no demonstration can be used; see the rows of these sources")
    steps, tokens = train_sft(
        model,
        [(lesson.prompt, lesson.answer) for lesson in lessons],
        folder.run.model("critic"),
        folder.scratch,
        settings,
        style,
        folder.stage_seed,
        lambda total, done: folder.task("", total, done, "steps"),
    )
    folder.write_records(TrainingStep, steps, (tokens, 0))
    folder.finish(dict(counts))


def _lessons(
    demonstrations: list[Demonstration],
    settings: WarmUpSettings,
    label: LabelSettings,
    style: Format,
    constitution: Constitution,
    seed: int,
    direct: bool,
    counts: Counter[str],
) -> list[Lesson]:
    found: list[Lesson] = []
    if settings.critic:
        rounds = [round_lessons(each, constitution, style, seed, direct=direct) for each in demonstrations]
        found += [lesson for each in rounds for lesson in each]
        counts["rounds taught"] = len(rounds)
        counts["rounds that leave a response as it is"] = sum(each.unchanged for each in demonstrations)
    if settings.labeler:
        labeler = label.make(style, constitution)
        if not isinstance(labeler, Teachable):
            raise InputError(f"warm_up.labeler: '{label.labeler}' cannot be taught; set warm_up.labeler: false")
        choices = [choice_lessons(e, labeler, constitution, settings.principles, seed) for e in demonstrations]
        found += [lesson for each in choices for lesson in each]
        counts["comparisons taught"] = sum(map(bool, choices))
    return found


def _demonstrations(folder: StageFolder, settings: WarmUpSettings, counts: Counter[str]) -> Iterator[Demonstration]:
    """Those that can be used: each once, none whose prompt is held out."""
    kept_out, seen = held_out_ids(folder.run), set()
    for each in (item for source in settings.demonstrations for item in read_demonstrations(source)):
        if each is None:
            counts["rows left out"] += 1
        elif each.prompt_id in kept_out:
            counts["left out: the prompt is held out"] += 1
        elif each.id in seen:
            counts["given twice"] += 1
        else:
            seen.add(each.id)
            yield each
