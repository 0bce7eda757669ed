"""Stage `warm_up`: a small start model learns to criticise, to revise and to judge, from demonstrations.

Reads the recipe's demonstrations and the run's held-out prompts, whose demonstrations are left out. Writes
`responses` (Response: the start model's own answers, which stand in a share of the demonstrations for the written
ones), `models/critic` and the training's steps. The critic then revises (stage `revise`) and, where no feedback
model is named, judges (`audit`, `label`); what is finetuned later begins at the start model all the same, so nothing
that a demonstration says reaches it but through the critic's own revisions and labels. Large models leave this out.
The paper has no such stage: its models were large enough to learn from examples in the prompt.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from precepts.constitution import Constitution
from precepts.engines import Engine
from precepts.engines.rendering import verdict_request
from precepts.errors import InputError
from precepts.evals.graders.refusal import grade_refusal
from precepts.feedback.crossed import crossed
from precepts.feedback.labeler import Lesson, Teachable
from precepts.feedback.lessons import VERDICTS, choice_lessons, judged, round_lessons
from precepts.identity import fraction_of
from precepts.prompts.formats import Format
from precepts.records import Demonstration, Prompt, Response, TrainingStep
from precepts.runs.folder import StageFolder
from precepts.runs.work import Worker
from precepts.sources.items import read_demonstrations
from precepts.sources.read import SourceSettings
from precepts.stages.label import LabelSettings
from precepts.stages.prompts import held_out_ids, short_form
from precepts.stages.respond import SamplingSettings, respond
from precepts.training.settings import LoraSettings, SupervisedSettings
from precepts.training.shipped import adapter_folder

_SENTENCES = re.compile(r""".*(?<!\d)[.!?]["')\]]*(?=\s|$)""", re.DOTALL)  # not the "1." of a list


class WarmUpSettings(SupervisedSettings):
    """Where demonstrations come from, what is taught (`critic`: critique and revision; `labeler`: comparisons, each
    under that many `principles`), and how. To a share `own_responses` of the demonstrations the start model's own
    response is shown too, since it is what the critic will meet (see `with_own`). With `verdict_head` the verdicts are
    learnt as a linear reading of the critic's states too, which then opens its critiques. An `adapter` (a folder, such
    as RUN/models/critic/adapter, or one that the package ships, builtin:NAME), trained so before on the same start
    model, is laid over it in place of all that."""

    demonstrations: list[SourceSettings] = []
    adapter: str | None = None
    critic: bool = True
    labeler: bool = True
    principles: int = Field(default=2, ge=1, le=64)
    own_responses: float = Field(default=0.5, ge=0, le=1)
    verdict_head: bool = True
    learning_rate: float = Field(default=5e-4, gt=0)
    epochs: float = Field(default=2.0, gt=0)
    batch_size: int = Field(default=8, ge=1)
    micro_batch: int = Field(default=8, ge=1)
    lora: LoraSettings | None = LoraSettings(rank=32, alpha=64)
    max_length: int = Field(default=768, ge=16)

    _short = field_validator("demonstrations", mode="before")(short_form)

    @model_validator(mode="after")
    def _has_something_to_teach(self) -> Self:
        if not self.demonstrations and self.adapter is None:
            raise ValueError("warm_up needs demonstrations, or an adapter that was trained on some; name one of them")
        return self

    def adapter_folder(self) -> Path | None:
        """Where the adapter lies. Raises InputError where it is none."""
        return None if self.adapter is None else adapter_folder(self.adapter)


def run(
    folder: StageFolder,
    settings: WarmUpSettings,
    label: LabelSettings,
    sampling: SamplingSettings,
    style: Format,
    constitution: Constitution,
    model: str,
    engine: Callable[[], Engine],
    direct: bool,
) -> None:
    """Train the critic from `model`, which `engine` asks for its own responses. Raises InputError where no
    demonstration can be used or the labeler cannot be taught."""
    from precepts.training.launch import Example, train_sft

    if (adapter := settings.adapter_folder()) is not None:
        _lay(folder, model, adapter, head=settings.verdict_head)
        return
    counts: Counter[str] = Counter()
    usable = list(_demonstrations(folder, settings, counts))
    shown = _with_own(folder, settings, sampling, style, usable, engine, counts)
    lessons = taught(shown, settings, label, style, constitution, folder.stage_seed, direct, counts)
    if not lessons:
        raise InputError(
            "warm_up.demonstrations: no demonstration can be used; see the rows of these sources (and label.labeler: "
            "verdict is taught by the critic's lessons, with warm_up.critic: true)"
        )
    steps, tokens = train_sft(
        model,
        [Example(lesson.prompt, lesson.answer) for lesson in lessons],
        folder.run.model("critic"),
        folder.scratch,
        settings,
        style,
        folder.stage_seed,
        lambda total, done: folder.task("", total, done, "steps"),
    )
    if settings.critic and settings.verdict_head and not direct:
        learnt = _learn_verdicts(folder, shown, style, settings.micro_batch)
        counts.update({} if learnt else {"no verdict head: the model's layers were not found": 1})
    folder.write_records(TrainingStep, steps, (tokens, 0))
    folder.finish(dict(counts))


def _learn_verdicts(folder: StageFolder, demonstrations: list[Demonstration], style: Format, batch_size: int) -> bool:
    """Fit the critic's verdict head and put it beside its adapter; False for a model that can have none."""
    import torch

    from precepts.engines.rendering import verdict_rows
    from precepts.engines.transformers import best_device, load_model, load_tokenizer
    from precepts.engines.verdicts import save_head
    from precepts.training.verdicts import train_head

    judgements = [(e.messages, *found) for e in demonstrations for found in judged(e, *ways(e))]
    declined = [each for each in demonstrations if ways(each)[1]]
    helped = [each for each in demonstrations if not ways(each)[1]]
    rounds = [*judgements, *crossed(helped, declined)]
    rows = [(verdict_request(messages, response, style), verdict) for messages, response, verdict in rounds]
    critic = folder.run.model("critic")
    with folder.task("verdict head", 1, unit="heads") as task:
        tokens = verdict_rows(load_tokenizer(str(critic)), [request for request, _ in rows], "critic")
        model = load_model(str(critic), torch.float32, best_device())
        head = train_head(model, tokens, [verdict for _, verdict in rows], VERDICTS, batch_size)
        if head is not None:
            save_head(head, critic)
        task.advance()
    return head is not None


def _lay(folder: StageFolder, model: str, adapter: Path, *, head: bool) -> None:
    from precepts.engines.models import HEAD_FILE
    from precepts.training.sft import lay

    with folder.task("adapter", 1, unit="models") as task:
        lay(model, adapter, folder.run.model("critic"))
        if not head:
            (folder.run.model("critic") / HEAD_FILE).unlink(missing_ok=True)
        task.advance()
    folder.write_records(TrainingStep, [])
    folder.finish({"adapters that were trained before": 1})


def _with_own(
    folder: StageFolder,
    settings: WarmUpSettings,
    sampling: SamplingSettings,
    style: Format,
    demonstrations: list[Demonstration],
    engine: Callable[[], Engine],
    counts: Counter[str],
) -> list[Demonstration]:
    """The demonstrations, a share of them with the start model's own responses."""
    asked = [each for each in demonstrations if takes_own(each, settings.own_responses)]

    def make_worker() -> Worker:
        loaded = engine()
        return lambda chunk: respond(chunk, loaded, sampling, style)

    items = [(prompt_of(each), 0) for each in asked]
    if items:
        folder.write_chunks(Response, items, len(items), sampling.chunk_size, make_worker, set_name="responses")
    answers = folder.run.read(folder.name, Response, "responses") if items else ()
    own, written = with_own(demonstrations, answers), set(demonstrations)
    counts["rounds with the start model's own response"] = sum(each not in written for each in own)
    return own


def with_own(demonstrations: Iterable[Demonstration], answers: Iterable[Response]) -> list[Demonstration]:
    """The demonstrations with those `answers` (to `prompt_of` them) that can be used: in place of a response that was
    fine or that did harm, as a response that is fine beside one that refused without need."""
    fit = {each.prompt_id: each for each in answers if _begins_a_round(each)}
    return [shown for e in demonstrations for shown in (_shown(e, fit[e.id]) if e.id in fit else [e])]


def whole_sentences(text: str, finish: str) -> str:
    """`text`, or as much of it as ends with a whole sentence where it was cut; "" where nothing does."""
    if finish != "length":
        return text
    whole = _SENTENCES.match(text)
    return whole.group() if whole else ""


def _shown(demonstration: Demonstration, own: Response) -> list[Demonstration]:
    each, kept = demonstration, whole_sentences(own.text, own.finish)
    if each.unchanged:
        return [replace(each, response=kept, revision=kept)]
    if ways(each)[0]:
        return [each, replace(each, response=kept, critique="", revision=kept, worse="")]
    return [replace(each, response=own.text, worse=each.worse and own.text)]


def ways(demonstration: Demonstration) -> tuple[bool, bool]:
    """Whether its response refuses, and whether its revision does, by the grader of refusals."""
    each, asked = demonstration, demonstration.messages[-1].content
    found = [grade_refusal(asked, text).label in ("refuses", "evades") for text in (each.response, each.revision)]
    return found[0], found[1]


def prompt_of(demonstration: Demonstration) -> Prompt:
    """A demonstration's prompt, named by the demonstration, for there may be several of one prompt."""
    each = demonstration
    return Prompt(each.id, "demonstration", "train", each.category, "", each.messages)


def takes_own(demonstration: Demonstration, share: float) -> bool:
    """Whether the start model is to answer this demonstration's prompt: where helping is fine, or does harm, whoever
    helps. What else is wrong with a written response need not be wrong with another."""
    refused, declined = ways(demonstration)
    usable = not refused if demonstration.unchanged else refused != declined
    return usable and fraction_of(f"own response {demonstration.id}") < share


def _begins_a_round(response: Response) -> bool:
    """Whether a response can stand for a written one: it has whole sentences and refuses nothing."""
    fit = response.unusable is None and whole_sentences(response.text, response.finish)
    return bool(fit) and grade_refusal(response.messages[-1].content, response.text).label == "complies"


def taught(
    demonstrations: list[Demonstration],
    settings: WarmUpSettings,
    label: LabelSettings,
    style: Format,
    constitution: Constitution,
    seed: int,
    direct: bool,
    counts: Counter[str],
) -> list[Lesson]:
    """The lessons, and in `counts` how many of which kind. Raises InputError for a labeler that cannot be taught."""
    found: list[Lesson] = []
    if settings.critic:
        rounds = [
            round_lessons(each, constitution, style, seed, direct=direct, refuses=refused, declines=declined)
            for each in demonstrations
            for refused, declined in [ways(each)]
        ]
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
