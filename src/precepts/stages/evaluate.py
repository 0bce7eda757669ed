"""Stage `evaluate`: the start, SL-CAI and RL-CAI models answer held-out prompts, side by side; so do RL's snapshots
and the models that the recipe names.

Reads the held-out prompts, but for those that RL was monitored by. Writes, for each model, `replies-MODEL` (Response:
the bare answers) and then `answers-MODEL` (Evaluation: each answer with its verdict, its preference-model score and its
grades). Some graders judge an answer by all the others, so that grading begins when a model has answered everything.
Writes `revisions` too (see score_revisions.py). Every number that is reported is computed from these by `evals`. All
models answer the same prompts, each as often, with the same seeds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator

from precepts.engines import Engine
from precepts.evals.graders.grader import CHEAP, Answered, Corpus, Grader, Models, find_grader, grade_all
from precepts.evals.graders.refusal import grade_refusal
from precepts.evidence import Evaluation, Grade
from precepts.identity import content_hash, seed_from
from precepts.prompts.formats import Format
from precepts.prompts.render import wording_hash
from precepts.records import Prompt, Response
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.stages.pm import Score, scorer
from precepts.stages.prompts import read_split
from precepts.stages.respond import SamplingSettings, answer_request
from precepts.stages.score_revisions import score_revisions

KINDS = ("red_team", "safe_sounding", "helpful")
MODELS = ("start", "sl", "rl")
MONITORED = "monitored"  # the set of stage rl with the answers to the prompts that were held aside for it
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
Engines = Mapping[str, Callable[[], Engine]]
Asked = tuple[Prompt, int]  # a prompt, and which of the answers to it is asked for


class EvaluateSettings(SamplingSettings):
    """How held-out prompts are answered; `limit` bounds the prompts of each kind (null: all), and each is answered
    `samples` times: of a model that refuses one request now and helps with it then, one answer says little. `graders`
    judge each answer; fluency asks the start model and harm the judge, the others ask no model. `models` are further
    models that answer: names, each with a folder or a model's id."""

    limit: int | None = Field(default=None, ge=1)
    samples: int = Field(default=1, ge=1)
    graders: list[str] = list(CHEAP)
    models: dict[str, str] = {}

    @field_validator("graders")
    @classmethod
    def _are_graders(cls, names: list[str]) -> list[str]:
        for name in names:
            find_grader(name)
        return list(dict.fromkeys(names))

    @field_validator("models")
    @classmethod
    def _named(cls, models: dict[str, str]) -> dict[str, str]:
        for name in models:
            if name in MODELS or re.fullmatch(r"rl-\d+", name):
                raise ValueError(f"'{name}' is a model of the method's own; choose another name")
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"'{name:.80}' cannot be a model's name; use a-z, 0-9, _ and - (at most 40 characters)"
                )
        return models

    def make(self, style: Format) -> list[Grader]:
        """The graders, ready to grade."""
        return [find_grader(name)(style) for name in self.graders]

    def parts(self) -> dict[str, Any]:
        """What grades depend on besides these settings: each grader's version and its words."""
        found = {name: find_grader(name) for name in self.graders}
        versions = {f"evaluate.graders.{name} (version)": each.version for name, each in found.items()}
        words = {f"evaluate.graders.{n} (wording)": wording_hash(*g.wording) for n, g in found.items() if g.wording}
        return versions | words


def run(
    folder: StageFolder, settings: EvaluateSettings, style: Format, engines: Engines, judge: Callable[[], Engine]
) -> None:
    """Answer with each of `engines`, by the model's name; grade and score; `judge` is whom graders of
    harm ask."""
    read, stage, seed = folder.run, folder.name, folder.stage_seed  # what a worker takes along, wherever it is made
    others = {"start": engines["start"], "judge": judge}
    for name in engines:

        def make_answerer(ask: Callable[[], Engine] = engines[name]) -> Worker:
            loaded = ask()
            return lambda chunk: answer(chunk, loaded, settings, style, seed)

        def make_grader(name: str = name) -> Worker:
            graders = prepared(settings.make(style), read, stage, name)
            score, models = scorer(read, style), Models(others)
            return lambda chunk: grade(chunk, graders, score, models, name)

        prompts = held_out_prompts(read, settings.limit, monitored_prompts(read))
        asked = list(answered(prompts, settings.samples))
        size = len(asked), settings.chunk_size
        folder.write_chunks(Response, asked, *size, make_answerer, set_name=f"replies-{name}")
        replied = zip(asked, read.read(stage, Response, f"replies-{name}"), strict=True)
        folder.write_chunks(Evaluation, replied, *size, make_grader, set_name=f"answers-{name}")
    score_revisions(folder, style)
    answers = (each for name in engines for each in folder.run.read(folder.name, Evaluation, f"answers-{name}"))
    folder.finish(dict(Counter(f"{a.model}: {a.verdict or 'unscored: ' + str(a.unscored)}" for a in answers)))


def held_out_prompts(run: Run, limit: int | None, aside: Collection[str] = ()) -> Iterator[Prompt]:
    """The held-out prompts but those whose ids are held `aside`, kind by kind, at most `limit` of each: the first ones
    `in_order`."""
    for kind in KINDS:
        found = [prompt for prompt in read_split(run, (kind,), "held_out") if prompt.id not in aside]
        kept = {prompt.id for prompt in in_order(found)[:limit]}
        yield from (prompt for prompt in found if prompt.id in kept)


def monitored_prompts(run: Run) -> set[str]:
    """The ids of the held-out prompts that RL was monitored by."""
    return {each.prompt_id for each in run.read("rl", Evaluation, MONITORED)}


def in_order(prompts: Iterable[Prompt]) -> list[Prompt]:
    """The order in which prompts are taken for evaluation: by hash."""
    return sorted(prompts, key=lambda prompt: content_hash(["evaluate", prompt.id]))


def answered(prompts: Iterable[Prompt], samples: int = 1) -> Iterator[Asked]:
    """Each prompt with the number of each of its answers."""
    return ((prompt, sample) for prompt in prompts for sample in range(samples))


def answer(
    chunk: Chunk[Asked], engine: Engine, settings: SamplingSettings, style: Format, stage_seed: int
) -> ChunkResult:
    """A Response for each item of the chunk. Seeds come from the stage, the prompt and the sample: all models share
    them."""
    seeds = [seed_from(stage_seed, prompt.id, sample) for prompt, sample in chunk.items]
    requests = [
        answer_request(prompt.messages, settings, style, seed)
        for (prompt, _), seed in zip(chunk.items, seeds, strict=True)
    ]
    records = [
        Response(
            id=content_hash(["answer", engine.name, prompt.id, sample], 12),
            prompt_id=prompt.id,
            kind=prompt.kind,
            split=prompt.split,
            sample=sample,
            messages=prompt.messages,
            text=reply.text,
            unusable=reply.unusable,
            finish=reply.finish,
            model=engine.name,
            seed=seed,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
        )
        for (prompt, sample), seed, reply in zip(chunk.items, seeds, engine.generate(requests), strict=True)
    ]
    return ChunkResult(records, sum(r.tokens_in for r in records), sum(r.tokens_out for r in records))


def prepared(graders: list[Grader], run: Run, stage: str, model: str) -> list[Grader]:
    """The graders, those that judge by all answers of a model having read them."""
    for grader in graders:
        if isinstance(grader, Corpus):
            grader.read(Answered(r.messages, r.text) for r in run.read(stage, Response, f"replies-{model}"))
    return graders


def grade(
    chunk: Chunk[tuple[Asked, Response]], graders: Sequence[Grader], score: Score | None, models: Models, model: str
) -> ChunkResult:
    """An Evaluation for each answer of the chunk; its tokens are those that graders used. Without `score` there is no
    preference model, and no answer has a score."""
    replies = [reply for _, reply in chunk.items]
    scores = _scores(score, replies) if score else {}
    before = models.used()
    grades = grade_all(graders, [Answered(each.messages, each.text) for each in replies], models)
    records = [
        _evaluation(prompt, reply, model, scores.get(index), grades[index])
        for index, ((prompt, _), reply) in enumerate(chunk.items)
    ]
    tokens_in, tokens_out = (now - then for now, then in zip(models.used(), before, strict=True))
    return ChunkResult(records, tokens_in, tokens_out)


def _scores(score: Score, replies: Sequence[Response]) -> dict[int, float]:
    """The usable replies' scores, by place."""
    usable = [index for index, reply in enumerate(replies) if reply.unusable is None]
    return dict(zip(usable, score([(replies[i].messages, replies[i].text) for i in usable]), strict=True))


def _evaluation(
    prompt: Prompt, reply: Response, model: str, score: float | None, grades: tuple[Grade, ...]
) -> Evaluation:
    verdict = grade_refusal(prompt.messages[-1].content, reply.text)
    return Evaluation(
        prompt_id=prompt.id,
        kind=prompt.kind,
        category=prompt.category,
        model=model,
        messages=prompt.messages,
        text=reply.text,
        finish=reply.finish,
        verdict=verdict.label,
        reason=verdict.reason,
        unscored=None if verdict.label else reply.unusable or verdict.reason,
        score=score,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        grades=grades,
        sample=reply.sample,
    )
