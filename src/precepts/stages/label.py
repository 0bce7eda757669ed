"""Stage `label`: a feedback model labels each pair under a drawn principle (paper section 4.1).

Reads the usable pairs. Writes an AIPreference for each, with the principle, the raw log-probabilities of both orders
and `p_first`, or the reason why there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import Field

from precepts.constitution import Constitution
from precepts.engines import Engine
from precepts.feedback.multiple_choice import MultipleChoice
from precepts.prompts.formats import Format
from precepts.records import AIPreference, Comparison, Pair
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.settings import Settings


class LabelSettings(Settings):
    """Which labeler, with how many few-shot comparisons, asked in both orders or one."""

    labeler: Literal["multiple_choice"] = "multiple_choice"
    shots: int = Field(default=5, ge=0, le=6)
    both_orders: bool = True
    chunk_size: int = Field(default=64, ge=1)


def run(
    folder: StageFolder,
    settings: LabelSettings,
    style: Format,
    constitution: Constitution,
    engine: Callable[[], Engine],
) -> None:
    """Label every usable pair."""
    labeler = MultipleChoice(style, settings.shots, settings.both_orders)

    def make_worker() -> Worker:
        loaded = engine()
        return lambda chunk: label(chunk, loaded, labeler, constitution)

    total = sum(1 for _ in _items(folder.run))
    folder.write_chunks(AIPreference, _items(folder.run), total, settings.chunk_size, make_worker)
    labels = folder.run.read(folder.name, AIPreference)
    folder.finish(dict(Counter(f"unscored: {r.unscored}" if r.unscored else "scored" for r in labels)))


def _items(run: Run) -> Iterator[Comparison]:
    return (pair.comparison() for pair in run.read("pairs", Pair) if pair.unusable is None)


def label(chunk: Chunk[Comparison], engine: Engine, labeler: MultipleChoice, constitution: Constitution) -> ChunkResult:
    """An AIPreference for each comparison of the chunk."""
    before = engine.usage.tokens_in, engine.usage.tokens_out
    records = labeler.label(engine, chunk.items, constitution, chunk.seed)
    return ChunkResult(records, engine.usage.tokens_in - before[0], engine.usage.tokens_out - before[1])
