"""Stage `sl`: finetune the start model on the revisions of all rounds, mixed with helpful answers (paper section 3.1).

Reads the usable revisions and the usable responses to helpful prompts. Writes `models/sl`, the training's steps, and of
each revision whether it was learnt.
A text that was cut by its token limit is learnt as far as it goes, and not that it ends there. Helpful answers may be
learnt as the start model's distribution rather than as texts (`training/keeping.py`), which departs from the paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

from pydantic import Field, model_validator

from precepts.constitution import Principle
from precepts.engines import Engine
from precepts.errors import RunError
from precepts.evidence import LearntRevision, RevisionScore
from precepts.feedback.hygiene import HygieneSettings, clean
from precepts.feedback.topic import topicality
from precepts.feedback.verdict import ask_verdicts, fineness
from precepts.prompts.formats import Format
from precepts.records import Response, Revision, TrainingStep
from precepts.runs.folder import StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.stages.prompts import refuse_leaks
from precepts.training.settings import SupervisedSettings

_CHUNK = 64


class SLSettings(SupervisedSettings):
    """Supervised finetuning: see SupervisedSettings. `hygiene` says which revisions are left out before it.
    `helpful_kl`: how much it counts to keep the start model's distribution at every token of the helpful answers, in
    place of learning these as they were sampled (null, as in the paper)."""

    hygiene: HygieneSettings = HygieneSettings()
    helpful_kl: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_a_start_model(self) -> Self:
        if self.helpful_kl is not None and self.lora is None:
            raise ValueError("helpful_kl compares with the model without its adapter; set lora, or leave it out")
        return self


def run(
    folder: StageFolder,
    settings: SLSettings,
    style: Format,
    model: str,
    held_out: float,
    engine: Callable[[], Engine],
    critic: Callable[[], Engine],
    principles: Mapping[str, Principle],
) -> None:
    """Train the SL-CAI model from `model`. Where those are rules, `engine` asks it whether revisions are about their
    prompts, and `critic` another whether they are fine under their principles (by id). Raises RunError where no
    revision is usable or a prompt is held out."""
    from precepts.training.launch import Example, train_sft

    revised = list(_revisions(folder))
    rules = settings.hygiene

    def about(asked: Engine, rows: Sequence[Revision]) -> list[float | None]:
        return topicality([(each.messages, each.text) for each in rows], asked, style)

    def fine(asked: Engine, rows: Sequence[Revision]) -> list[float | None]:
        under = [(each.messages, each.text, principles[each.principle_id]) for each in rows]
        return [fineness(each) for each in ask_verdicts(asked, under, style)[1]]

    topical = {} if rules.off_topic is None else _scores(folder, "topicality", revised, engine, about)
    faultless = {} if rules.fineness is None else _scores(folder, "fineness", revised, critic, fine)
    kept, why = clean(revised, rules, folder.stage_seed, topical, faultless)
    unclean = Counter(why.values())
    usable: list[Revision | Response] = [*kept, *_helpful(folder)]
    if not kept:
        found = "".join(f"; {count} left out: {name}" for name, count in sorted(unclean.items()))
        raise RunError(
            f"sl: no revision is usable, so there is nothing to learn; see the counts of stage revise{found}"
        )
    refuse_leaks(folder, usable, held_out)
    keep = settings.helpful_kl or 0.0
    steps, tokens = train_sft(
        model,
        [Example(e.messages, e.text, e.finish != "length", keep * isinstance(e, Response)) for e in usable],
        folder.run.model("sl"),
        folder.scratch,
        settings,
        style,
        folder.stage_seed,
        lambda total, done: folder.task("", total, done, "steps"),
    )
    folder.write_records(TrainingStep, steps, (tokens, 0))
    learnt = (LearntRevision(each.id, each.prompt_id, why.get(each.id)) for each in revised)
    folder.write_stream(LearntRevision, learnt, "revisions")
    left_out = {f"{name}, left out": count for name, count in sorted(unclean.items())}
    folder.finish({"revisions": len(kept), "helpful responses": len(usable) - len(kept)} | left_out)


def _scores(
    folder: StageFolder,
    name: str,
    revised: list[Revision],
    engine: Callable[[], Engine],
    ask: Callable[[Engine, Sequence[Revision]], list[float | None]],
) -> dict[str, float | None]:
    """What a model says of each revision, kept under this name."""

    def make_worker() -> Worker:
        loaded = engine()

        def work(chunk: Chunk[Revision]) -> ChunkResult:
            before, found = loaded.usage.tokens_in, ask(loaded, chunk.items)
            rows = [RevisionScore(e.id, e.prompt_id, nats) for e, nats in zip(chunk.items, found, strict=True)]
            return ChunkResult(rows, loaded.usage.tokens_in - before)

        return work

    folder.write_chunks(RevisionScore, revised, len(revised), _CHUNK, make_worker, set_name=name)
    return {each.id: each.nats for each in folder.run.read("sl", RevisionScore, name)}


def _revisions(folder: StageFolder) -> Iterator[Revision]:
    """Those that can be used, without the prompts that were sent: they are many times what is learnt."""
    usable = (each for each in folder.run.read("revise", Revision) if each.unusable is None)
    return (replace(each, critique_sent="", revision_sent="") for each in usable)


def _helpful(folder: StageFolder) -> Iterator[Response]:
    found = folder.run.read("respond", Response)
    return (each for each in found if each.kind == "helpful" and each.unusable is None)
