"""Stage `pairs`: the SL-CAI model answers each red-team prompt in pairs (paper section 4.1).

Reads the red-team prompts, held-out ones too: their pairs are labelled and never trained on, to measure the
preference model. Writes `samples` Pairs for each; two answers that are the same, or not both usable, cannot be
compared.
How it can depart from the paper: with `kinds: [red_team, helpful]` helpful prompts are answered in pairs too, so that
the feedback model says of the model's own needless refusals what is wrong with them (the paper leaves that to people).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import Field

from precepts.engines import Engine, Reply
from precepts.identity import content_hash, seed_from
from precepts.prompts.formats import Format
from precepts.records import HumanComparison, Pair, Prompt
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.stages.prompts import read_split
from precepts.stages.respond import SamplingSettings, answer_request, unusable_counts


class PairSettings(SamplingSettings):
    """How the two answers are sampled, `kinds` of prompts, and `samples`, how many pairs each prompt gets; or, with
    `take: comparisons`, nothing is sampled and the pairs are those of `preferences.harmless_comparisons`, what people
    preferred hidden from the labeler: AI labels and human ones can then be compared on the same pairs."""

    take: Literal["sampled", "comparisons"] = "sampled"
    samples: int = Field(default=1, ge=1)
    kinds: list[Literal["red_team", "helpful"]] = Field(default=["red_team"], min_length=1)


def run(folder: StageFolder, settings: PairSettings, style: Format, engine: Callable[[], Engine]) -> None:
    """Sample pairs of answers to every prompt of the kinds, or take pairs from human comparisons."""
    if settings.take == "comparisons":
        folder.write_stream(Pair, _taken(folder.run), shard_size=settings.chunk_size)
        folder.finish(unusable_counts(folder.run, folder.name, Pair))
        return

    def make_worker() -> Worker:
        loaded = engine()
        return lambda chunk: sample_pairs(chunk, loaded, settings, style)

    total = sum(1 for _ in _items(folder.run, settings))
    folder.write_chunks(Pair, _items(folder.run, settings), total, settings.chunk_size, make_worker)
    folder.finish(unusable_counts(folder.run, folder.name, Pair))


def _items(run: Run, settings: PairSettings) -> Iterator[tuple[Prompt, int]]:
    prompts = read_split(run, settings.kinds, "train", "held_out")
    return ((prompt, sample) for prompt in prompts for sample in range(settings.samples))


def _taken(run: Run) -> Iterator[Pair]:
    for human in run.read("prompts", HumanComparison, "comparisons"):
        if human.aim == "harmless":
            each = human.comparison()
            yield Pair(
                id=content_hash(["pair", each.id], 12),
                prompt_id=each.prompt_id,
                split=each.split,
                messages=each.messages,
                first=each.first,
                second=each.second,
                unusable=None,
                model="human comparisons",
                seed=0,
                tokens_in=0,
                tokens_out=0,
                category=each.category,
                human=each.human,
            )


def sample_pairs(
    chunk: Chunk[tuple[Prompt, int]], engine: Engine, settings: SamplingSettings, style: Format
) -> ChunkResult:
    """A Pair for each (prompt, sample) of the chunk."""
    seeds = [seed_from(chunk.seed, prompt.id, sample) for prompt, sample in chunk.items]
    requests = [
        answer_request(prompt.messages, settings, style, seed_from(seed, side))
        for (prompt, _), seed in zip(chunk.items, seeds, strict=True)
        for side in ("first", "second")
    ]
    replies = engine.generate(requests)
    records = [
        _pair(item, seed, first, second, engine.name)
        for item, seed, first, second in zip(chunk.items, seeds, replies[0::2], replies[1::2], strict=True)
    ]
    return ChunkResult(records, sum(r.tokens_in for r in records), sum(r.tokens_out for r in records))


def _pair(item: tuple[Prompt, int], seed: int, first: Reply, second: Reply, model: str) -> Pair:
    prompt, sample = item
    same = "identical" if first.text == second.text else None
    return Pair(
        id=content_hash(["pair", prompt.id, sample], 12),
        prompt_id=prompt.id,
        split=prompt.split,
        messages=prompt.messages,
        first=first.text,
        second=second.text,
        unusable=first.unusable or second.unusable or same,
        model=model,
        seed=seed,
        tokens_in=first.tokens_in + second.tokens_in,
        tokens_out=first.tokens_out + second.tokens_out,
        category=prompt.category,
    )
