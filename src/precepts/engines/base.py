"""What an engine is: text in, text out, and log-probabilities of given answers.

1. Two calls, both batched and synchronous, so the same contract fits a local model, an offline vLLM engine and a
   Ray actor; an HTTP engine keeps its own bounded concurrency inside.
2. A prompt is raw text or chat messages; `prefill` begins the model's turn. Every request has its own seed: a reply
   does not depend on what it was batched with (up to rounding).
3. A reply that cannot be used has `unusable` set to the reason ("empty", "too_long"); it is data, not an exception.
   Answers that cannot be scored have log-probability nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from precepts.records import Messages

Finish = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Write at most `max_tokens` tokens after `prompt` (+ `prefill`). `temperature` 0 is greedy; `stop` texts end
    the reply and are not part of it."""

    prompt: str | Messages
    prefill: str = ""
    max_tokens: int = 128
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """How likely is each of `answers` right after `prompt` (+ `prefill`)?"""

    prompt: str | Messages
    answers: tuple[str, ...]
    prefill: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, without surrounding white space; `finish` is "length" where it was cut."""

    text: str
    finish: Finish
    tokens_in: int
    tokens_out: int
    unusable: str | None = None


@dataclass
class Usage:
    """Tokens an engine has read and written so far."""

    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class VerdictRequest:
    """What is to be thought of `response`, given in answer to `prompt`?"""

    prompt: str | Messages
    response: str


class Engine(Protocol):
    """A model that can be asked. `name` goes into every record."""

    name: str
    usage: Usage

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """A reply for each request, in order."""
        ...

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """For each request the natural-log probability of each of its answers, in order."""
        ...


@runtime_checkable
class GivesVerdicts(Protocol):
    """An engine that can run a model's verdict head."""

    def verdicts(self, requests: Sequence[VerdictRequest], among: Sequence[str]) -> list[list[float]] | None:
        """For each request the natural-log probability of each of the verdicts `among` which the model's head decides;
        None where it has no head. Raises InputError where it decides among others."""
        ...


def verdicts_of(engine: Engine, requests: Sequence[VerdictRequest], among: Sequence[str]) -> list[list[float]] | None:
    """The model's verdicts, as `GivesVerdicts`; None where it is to be asked in words."""
    return engine.verdicts(requests, among) if isinstance(engine, GivesVerdicts) else None


def finished(text: str, finish: Finish, tokens_in: int, tokens_out: int) -> Reply:
    """A reply from raw text: stripped, and unusable where nothing is left."""
    stripped = text.strip()
    return Reply(stripped, finish, tokens_in, tokens_out, None if stripped else "empty")
