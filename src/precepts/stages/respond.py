"""Stage `respond`: the start model answers (paper section 3.1).

Reads the training prompts. Writes `samples` Responses for each red-team prompt (to be critiqued and revised) and
`helpful_samples` for each helpful prompt (to keep the model helpful).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import Field

from precepts.engines import Engine, GenerateRequest
from precepts.identity import content_hash, seed_from
from precepts.prompts.formats import Format, render, stops, turns_of
from precepts.records import Messages, Prompt, Response
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.settings import Settings
from precepts.stages.prompts import read_split


class SamplingSettings(Settings):
    """How answers are sampled; `chunk_size` prompts are the unit of work and of resume."""

    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=256, ge=1)
    chunk_size: int = Field(default=64, ge=1)

    def of(self, kind: str) -> SamplingSettings:
        """How prompts of this kind are answered."""
        return self


class RespondSettings(SamplingSettings):
    """Sampling, and how many answers each red-team prompt gets, all of which are revised, and each helpful one (the
    paper: 2). The latter may be sampled otherwise than those that are to be revised (null: they are not): a model that
    learns its own answers as it samples them at temperature 1 stays as it is, and is narrowed by those sampled lower.
    """

    samples: int = Field(default=1, ge=1)
    helpful_samples: int = Field(default=2, ge=0)
    helpful_temperature: float | None = Field(default=None, ge=0)
    helpful_top_p: float | None = Field(default=None, gt=0, le=1)
    helpful_max_tokens: int | None = Field(default=None, ge=1)

    def of(self, kind: str) -> SamplingSettings:
        """How prompts of this kind are answered."""
        if kind != "helpful":
            return self
        given = {name: getattr(self, f"helpful_{name}") for name in ("temperature", "top_p", "max_tokens")}
        return self.model_copy(update={name: value for name, value in given.items() if value is not None})


def run(folder: StageFolder, settings: RespondSettings, style: Format, engine: Callable[[], Engine]) -> None:
    """Answer the training prompts."""

    def make_worker() -> Worker:
        loaded = engine()
        return lambda chunk: respond(chunk, loaded, settings, style)

    total = sum(1 for _ in _items(folder.run, settings))
    folder.write_chunks(Response, _items(folder.run, settings), total, settings.chunk_size, make_worker)
    folder.finish(unusable_counts(folder.run, folder.name, Response))


def _items(run: Run, settings: RespondSettings) -> Iterator[tuple[Prompt, int]]:
    for prompt in read_split(run, ("red_team", "helpful"), "train"):
        samples = settings.samples if prompt.kind == "red_team" else settings.helpful_samples
        yield from ((prompt, sample) for sample in range(samples))


def respond(chunk: Chunk[tuple[Prompt, int]], engine: Engine, settings: SamplingSettings, style: Format) -> ChunkResult:
    """A Response for each (prompt, sample) of the chunk."""
    seeds = [seed_from(chunk.seed, prompt.id, sample) for prompt, sample in chunk.items]
    requests = [
        answer_request(prompt.messages, settings.of(prompt.kind), style, seed)
        for (prompt, _), seed in zip(chunk.items, seeds, strict=True)
    ]
    records = [
        Response(
            id=content_hash(["response", prompt.id, sample], 12),
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


def answer_request(messages: Messages, settings: SamplingSettings, style: Format, seed: int) -> GenerateRequest:
    """The request for an answer to a conversation."""
    return GenerateRequest(
        render(turns_of(messages), "assistant", style),
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        stop=stops(style),
        seed=seed,
    )


def unusable_counts(run: Run, stage: str, record_class: type[Any]) -> dict[str, int]:
    """How many of a stage's records are usable, and how many are not, by reason."""
    records: Iterator[Any] = run.read(stage, record_class)
    counts = Counter(f"unusable: {each.unusable}" if each.unusable else "usable" for each in records)
    return dict(sorted(counts.items()))
