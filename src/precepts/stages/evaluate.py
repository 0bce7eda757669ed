"""Stage `evaluate`: the start, SL-CAI and RL-CAI models answer held-out prompts, side by side.

Reads the held-out prompts. Writes `answers-start`, `answers-sl`, `answers-rl` (Evaluation: each answer with its
verdict and its preference-model score), and `revisions` (see score_revisions.py). Every number that is reported is
computed from these by `evals`.
All models answer the same prompts with the same seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from pydantic import Field

from precepts.engines import Engine
from precepts.evals.graders.refusal import grade_refusal
from precepts.evidence import Evaluation
from precepts.identity import content_hash, seed_from
from precepts.prompts.formats import Format
from precepts.records import Prompt
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.stages.pm import Score, scorer
from precepts.stages.prompts import read_split
from precepts.stages.respond import SamplingSettings, answer_request
from precepts.stages.score_revisions import score_revisions

KINDS = ("red_team", "safe_sounding", "helpful")
MODELS = ("start", "sl", "rl")


class EvaluateSettings(SamplingSettings):
    """How held-out prompts are answered; `limit` bounds the prompts of each kind (null: all)."""

    limit: int | None = Field(default=None, ge=1)


def run(
    folder: StageFolder, settings: EvaluateSettings, style: Format, engines: dict[str, Callable[[], Engine]]
) -> None:
    """Answer, grade and score with each of `engines`, by model name in the order of MODELS."""
    read, seed = folder.run, folder.stage_seed  # what a worker takes along, wherever it is made
    for name in MODELS:

        def make_worker(name: str = name, ask: Callable[[], Engine] = engines[name]) -> Worker:
            loaded, score = ask(), scorer(read, style)
            return lambda chunk: evaluate(chunk, loaded, score, name, settings, style, seed)

        prompts = list(held_out_prompts(folder.run, settings.limit))
        folder.write_chunks(
            Evaluation, prompts, len(prompts), settings.chunk_size, make_worker, set_name=f"answers-{name}"
        )
    score_revisions(folder, style)
    answers = (each for name in MODELS for each in folder.run.read(folder.name, Evaluation, f"answers-{name}"))
    folder.finish(dict(Counter(f"{a.model}: {a.verdict or 'unscored: ' + str(a.unscored)}" for a in answers)))


def held_out_prompts(run: Run, limit: int | None) -> Iterator[Prompt]:
    """The held-out prompts, kind by kind, at most `limit` of each: those with the lowest hash."""
    for kind in KINDS:
        found = list(read_split(run, (kind,), "held_out"))
        kept = {prompt.id for prompt in sorted(found, key=lambda p: content_hash(["evaluate", p.id]))[:limit]}
        yield from (prompt for prompt in found if prompt.id in kept)


def evaluate(
    chunk: Chunk[Prompt],
    engine: Engine,
    score: Score,
    model: str,
    settings: EvaluateSettings,
    style: Format,
    stage_seed: int,
) -> ChunkResult:
    """An Evaluation for each prompt of the chunk. Seeds come from the stage and the prompt: all models share them."""
    requests = [
        answer_request(prompt.messages, settings, style, seed_from(stage_seed, prompt.id)) for prompt in chunk.items
    ]
    replies = engine.generate(requests)
    usable = [index for index, reply in enumerate(replies) if reply.unusable is None]
    scores = dict(zip(usable, score([(chunk.items[i].messages, replies[i].text) for i in usable]), strict=True))
    records = []
    for index, (prompt, reply) in enumerate(zip(chunk.items, replies, strict=True)):
        verdict = grade_refusal(prompt.messages[-1].content, reply.text)
        records.append(
            Evaluation(
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
                score=scores.get(index),
                tokens_in=reply.tokens_in,
                tokens_out=reply.tokens_out,
            )
        )
    return ChunkResult(records, sum(r.tokens_in for r in records), sum(r.tokens_out for r in records))
