"""Samples that are worked in earnest: what an engine is asked and takes for a few items, and what that makes of all.

1. A sample goes through the same functions as a run's chunks, so prompts, few-shot rounds and orders are the real ones.
2. Where the model is at hand its own tokenizer counts and it writes real answers; a model that is not (a Hub model that
   is not in the cache, a server that would have to be paid) is stood in for by `StandIn`: four characters a token, and
   every answer as long as it may be. Such a figure is called estimated, the other measured.
"""

from __future__ import annotations

import heapq
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from precepts.engines import ChoiceRequest, Engine, EngineSettings, GenerateRequest, Reply, Usage, make_engine
from precepts.engines.base import VerdictRequest, finished, verdicts_of
from precepts.identity import content_hash
from precepts.runs.shards import write_shard
from precepts.runs.work import ChunkResult

T = TypeVar("T")
CHARACTERS = 4  # to a token, where no tokenizer is at hand


@dataclass(frozen=True)
class Figures:
    """What work on `items` takes: requests to an engine, tokens, seconds (None: not known), bytes of records."""

    items: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float | None = 0.0
    disk: int = 0

    def times(self, factor: float) -> Figures:
        """The same for `factor` times the items."""
        return Figures(
            round(self.items * factor),
            round(self.requests * factor),
            round(self.tokens_in * factor),
            round(self.tokens_out * factor),
            None if self.seconds is None else self.seconds * factor,
            round(self.disk * factor),
        )

    def __add__(self, other: Figures) -> Figures:
        seconds = None if self.seconds is None or other.seconds is None else self.seconds + other.seconds
        return Figures(
            self.items + other.items,
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            seconds,
            self.disk + other.disk,
        )


@dataclass(frozen=True)
class Estimate:
    """What one stage will take. `how`: done (nothing), counted, measured or estimated (see above), or unknown."""

    stage: str
    how: str
    figures: Figures
    money: float | None = None


class StandIn:
    """Stands in for a model that is not at hand: counts characters, and writes as much as it may."""

    def __init__(self, name: str) -> None:
        self.name, self.usage = name, Usage()

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """An answer of `max_tokens` tokens to each."""
        replies = [
            finished(f"{each.seed % 1000:03} " * each.max_tokens, "stop", self._read(each), each.max_tokens)
            for each in requests
        ]
        self.usage.tokens_out += sum(reply.tokens_out for reply in replies)
        return replies

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """Every answer is as likely as the others."""
        for each in requests:
            self._read(each)
        return [[-math.log(len(each.answers))] * len(each.answers) for each in requests]

    def _read(self, request: GenerateRequest | ChoiceRequest) -> int:
        said = request.prompt if isinstance(request.prompt, str) else "".join(m.content for m in request.prompt)
        tokens = math.ceil(len(said + request.prefill) / CHARACTERS)
        self.usage.tokens_in += tokens
        return tokens


class Counted:
    """An engine with the requests that it was sent; `real` where it is the model itself, `headed` where the model that
    it stands for will have a verdict head."""

    def __init__(self, engine: Engine, real: bool, *, headed: bool = False) -> None:
        self.engine, self.real, self.headed, self.requests = engine, real, headed, 0
        self.name, self.usage = engine.name, engine.usage

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """The engine's replies."""
        self.requests += len(requests)
        return self.engine.generate(requests)

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """The engine's log-probabilities."""
        self.requests += len(requests)
        return self.engine.choose(requests)

    def verdicts(self, requests: Sequence[VerdictRequest], among: Sequence[str]) -> list[list[float]] | None:
        """A head to come reads what it will read, and finds each verdict as likely; else what the engine says."""
        if not self.headed:
            return verdicts_of(self.engine, requests, among)
        self.choose([ChoiceRequest(each.prompt, (each.response or " ",)) for each in requests])
        return [[-math.log(len(among))] * len(among) for _ in requests]


def open_engine(settings: EngineSettings, model: str) -> Counted:
    """The engine where it runs on this machine and its model is here, else a stand-in. Downloads and pays nothing."""
    local = settings.kind == "scripted" or (settings.kind == "transformers" and _is_here(model))
    return Counted(make_engine(settings, model) if local else StandIn(model), local)


def _is_here(model: str) -> bool:
    if "/" not in model or Path(model).is_dir():
        return True
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(model, "config.json"), str)


def pick(items: Iterable[T], size: int, key: Callable[[T], str]) -> tuple[list[T], int]:
    """(`size` of the items, those with the lowest hash; how many there are), read once and not held."""
    count = 0

    def numbered() -> Iterable[tuple[str, int, T]]:
        nonlocal count
        for item in items:
            count += 1
            yield content_hash(["plan", key(item)]), count, item

    kept = heapq.nsmallest(size, numbered(), key=lambda each: each[:2])
    return [item for _, _, item in kept], count


def worked(engine: Counted, items: int, work: Callable[[], ChunkResult]) -> tuple[Figures, Sequence[Any]]:
    """What the work on a sample of `items` took, with its records."""
    asked, began = engine.requests, time.monotonic()
    result = work()
    seconds = time.monotonic() - began if engine.real else None
    found = Figures(items, engine.requests - asked, result.tokens_in, result.tokens_out, seconds)
    return replace(found, disk=_bytes(result.records)), result.records


def _bytes(records: Sequence[Any]) -> int:
    if not records:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.parquet"
        write_shard(path, type(records[0]), records, (0, 0))
        return path.stat().st_size
