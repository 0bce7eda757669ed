"""Stage `sl`: finetune the start model on the revisions of all rounds, mixed with helpful answers (paper section 3.1).

Reads the usable revisions and the usable responses to helpful prompts. Writes `models/sl` and the training's steps.
A text that was cut by its token limit is learnt up to its last whole sentence, or left out where it has none: the
model would otherwise learn to end in the middle of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from precepts.errors import RunError
from precepts.feedback.hygiene import HygieneSettings, clean
from precepts.prompts.formats import Format
from precepts.records import Response, Revision, TrainingStep
from precepts.runs.folder import StageFolder
from precepts.stages.prompts import refuse_leaks
from precepts.training.settings import SupervisedSettings

_SENTENCES = re.compile(r""".*(?<!\d)[.!?]["')\]]*(?=\s|$)""", re.DOTALL)  # not the "1." of a list


class SLSettings(SupervisedSettings):
    """Supervised finetuning: see SupervisedSettings; `hygiene` says which revisions are left out before it."""

    hygiene: HygieneSettings = HygieneSettings()


def run(folder: StageFolder, settings: SLSettings, style: Format, model: str, held_out: float) -> None:
    """Train the SL-CAI model. Raises RunError where no revision is usable or a prompt is held out."""
    from precepts.training.launch import train_sft

    kept, unclean = clean(list(_revisions(folder)), settings.hygiene, folder.stage_seed)
    usable: list[Revision | Response] = [*kept, *_helpful(folder)]
    examples = [(each, text) for each in usable if (text := learnable(each.text, each.finish))]
    revisions = sum(isinstance(each, Revision) for each, _ in examples)
    if not revisions:
        found = "".join(f"; {count} left out: {why}" for why, count in sorted(unclean.items()))
        raise RunError(
            f"sl: no revision is usable, so there is nothing to learn; see the counts of stage revise{found}"
        )
    refuse_leaks(folder, usable, held_out)
    steps, tokens = train_sft(
        model,
        [(each.messages, text) for each, text in examples],
        folder.run.model("sl"),
        folder.scratch,
        settings,
        style,
        folder.stage_seed,
        lambda total, done: folder.task("", total, done, "steps"),
    )
    folder.write_records(TrainingStep, steps, (tokens, 0))
    left_out = {"cut short, left out": len(usable) - len(examples)}
    left_out |= {f"{why}, left out": count for why, count in sorted(unclean.items())}
    folder.finish({"revisions": revisions, "helpful responses": len(examples) - revisions} | left_out)


def learnable(text: str, finish: str) -> str:
    """`text`, or as much of it as ends with a whole sentence where it was cut; "" where nothing does."""
    if finish != "length":
        return text
    whole = _SENTENCES.match(text)
    return whole.group() if whole else ""


def _revisions(folder: StageFolder) -> Iterator[Revision]:
    """Those that can be used, without the prompts that were sent: they are many times what is learnt."""
    usable = (each for each in folder.run.read("revise", Revision) if each.unusable is None)
    return (replace(each, critique_sent="", revision_sent="") for each in usable)


def _helpful(folder: StageFolder) -> Iterator[Response]:
    found = folder.run.read("respond", Response)
    return (each for each in found if each.kind == "helpful" and each.unusable is None)
