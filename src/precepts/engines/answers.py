"""What a server's answer says: the reply, tokens, log-probabilities. Nothing of it is trusted to be there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from precepts.engines.base import Finish, Reply, finished

T = TypeVar("T")


class Garbled(Exception):
    """An answer with status 200 that is none."""


def reply_of(found: Any) -> Reply:
    """The reply of a chat or a plain completion; "refused" where the server filtered it. Raises Garbled."""
    choice = _first(found)
    message = getattr(choice, "message", None)
    text = (message.content if message is not None else getattr(choice, "text", None)) or ""
    usage = getattr(found, "usage", None)
    tokens = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
    if not isinstance(text, str):
        raise Garbled
    if choice.finish_reason == "content_filter" or getattr(message, "refusal", None):
        return Reply("", "error", *tokens, "refused")
    finish: Finish = "length" if choice.finish_reason == "length" else "stop"
    return finished(text, finish, *tokens)


def _first(found: Any) -> Any:
    choices = getattr(found, "choices", None)
    if not choices:
        raise Garbled
    return choices[0]


def field(found: Any, key: str, kind: type[T]) -> T:
    """The value of a JSON object's key. Raises Garbled where it is none of this kind."""
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, kind):
        raise Garbled
    return value


def tokens_of(found: Any) -> list[int]:
    """The token ids of a `/tokenize` answer."""
    return [int(token) for token in field(found, "tokens", list)]


def models_of(found: Any) -> list[str]:
    """The names of the models in a list of them."""
    return [str(each.id) for each in getattr(found, "data", None) or []]


def first_logprob(found: Any) -> float:
    """The log-probability of the first token that was written. Raises Garbled where there is none."""
    told = getattr(_first(found), "logprobs", None)
    if told is None or not told.token_logprobs or told.token_logprobs[0] is None:
        raise Garbled
    return float(told.token_logprobs[0])


def sum_from(found: Any, tokens: Sequence[int], start: int) -> float:
    """The summed log-probability of a prompt's `tokens` from place `start`. Raises Garbled where one is missing."""
    told = getattr(_first(found), "prompt_logprobs", None)
    if not isinstance(told, list) or len(told) != len(tokens):
        raise Garbled
    try:
        return sum(float(told[n][str(tokens[n])]["logprob"]) for n in range(start, len(tokens)))
    except (KeyError, TypeError, ValueError):
        raise Garbled from None


def places_of(found: Any) -> list[dict[str, float]] | None:
    """The likeliest tokens and their log-probabilities at each place written; None where the server tells none."""
    told = getattr(_first(found), "logprobs", None)
    if told is None:
        return None
    if getattr(told, "content", None):
        return [{each.token: each.logprob for each in place.top_logprobs} for place in told.content]
    return [dict(place) for place in getattr(told, "top_logprobs", None) or [] if place] or None


def told_apart(places: Sequence[dict[str, float]], answers: Sequence[str]) -> list[float]:
    """Each answer's log-probability at the first place whose likeliest token is what tells an answer from the others
    (its text after what all share, or as much of that as the token holds); nan for an answer that is not among them."""
    shared = _shared(answers)
    marks = [answer[shared:].strip() or answer.strip() for answer in answers]
    for place in places:
        best: list[float] = [math.nan] * len(marks)
        for token, value in place.items():
            named = [n for n, mark in enumerate(marks) if token.strip() and mark.startswith(token.strip())]
            if len(named) == 1 and not best[named[0]] >= value:
                best[named[0]] = value
        likeliest = max(place, key=lambda token: place[token])
        if any(value == place[likeliest] for value in best):
            return best
    return [math.nan] * len(marks)


def _shared(answers: Sequence[str]) -> int:
    """How many characters all answers begin with."""
    low, high = min(answers), max(answers)
    return next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
