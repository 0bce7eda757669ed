"""Stage `sl`: finetune the start model on the revisions of all rounds, mixed with helpful answers (paper section 3.1).

Reads the usable revisions and the usable responses to helpful prompts. Writes `models/sl` and the training's steps.
"""

from __future__ import annotations

from collections.abc import Iterator

from precepts.errors import RunError
from precepts.prompts.formats import Format
from precepts.records import Response, Revision, TrainingStep
from precepts.runs.folder import StageFolder
from precepts.stages.prompts import refuse_leaks
from precepts.training.settings import OptimSettings


class SLSettings(OptimSettings):
    """Supervised finetuning: see OptimSettings."""


def run(folder: StageFolder, settings: SLSettings, style: Format, model: str, held_out: float) -> None:
    """Train the SL-CAI model. Raises RunError where no revision is usable or a prompt is held out."""
    from precepts.training.sft import train_sft

    revisions, helpful = list(_revisions(folder)), list(_helpful(folder))
    if not revisions:
        raise RunError("sl: no revision is usable, so there is nothing to learn; see the counts of stage revise")
    refuse_leaks(folder, [*revisions, *helpful], held_out)
    steps, tokens = train_sft(
        model,
        [*((each.messages, each.text) for each in revisions), *((each.messages, each.text) for each in helpful)],
        folder.run.model("sl"),
        folder.path,
        settings,
        style,
        folder.stage_seed,
        lambda total, done: folder.task("", total, done, "steps"),
    )
    folder.write_records(TrainingStep, steps, (tokens, 0))
    folder.finish({"revisions": len(revisions), "helpful responses": len(helpful)})


def _revisions(folder: StageFolder) -> Iterator[Revision]:
    return (each for each in folder.run.read("revise", Revision) if each.unusable is None)


def _helpful(folder: StageFolder) -> Iterator[Response]:
    found = folder.run.read("respond", Response)
    return (each for each in found if each.kind == "helpful" and each.unusable is None)
