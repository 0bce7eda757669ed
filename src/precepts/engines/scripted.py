"""The scripted engine: replies given in advance or by a function. For tests, dry runs and teaching; needs no model.

1. `ScriptedEngine(replies)` takes a function from request to text, or a list of texts used in turn.
2. `ScriptedEngine.from_file(path)` reads rules from YAML, so that a recipe can name a script. The first rule whose
   `contains` stands in the prompt's last message answers, with one of its `replies` picked by the request's seed:

       generate:
         - contains: "revise"
           replies: ["I would rather not. Here is a safer way.", "Let us do this instead."]
         - replies: ["Sure."]
       choose:
         - contains: "kind"
           probabilities: [0.8, 0.2]

3. `choose` takes a function to log-probabilities; without one every answer is equally likely.
Tokens are counted as words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from precepts.engines.base import ChoiceRequest, GenerateRequest, Reply, Usage, finished
from precepts.errors import InputError
from precepts.records import Messages
from precepts.settings import Settings, parse, read_yaml

Answer = Callable[[GenerateRequest], str]
Odds = Callable[[ChoiceRequest], Sequence[float]]


class GenerateRule(Settings):
    """Answers prompts whose last message contains `contains` with one of `replies`."""

    contains: str = ""
    replies: list[str] = Field(min_length=1)


class ChoiceRule(Settings):
    """Gives the answers of prompts whose last message contains `contains` these probabilities."""

    contains: str = ""
    probabilities: list[Annotated[float, Field(ge=0, le=1)]] = Field(min_length=1)


class Script(Settings):
    """The rules of a scripted engine."""

    generate: list[GenerateRule] = []
    choose: list[ChoiceRule] = []


class ScriptedEngine:
    """An engine that says what it was told to say."""

    def __init__(self, replies: Answer | Sequence[str], odds: Odds | None = None, name: str = "scripted") -> None:
        self.name, self.usage = name, Usage()
        self._answer = replies if callable(replies) else _in_turn(replies)
        self._odds = odds or (lambda request: [-math.log(len(request.answers))] * len(request.answers))

    @classmethod
    def from_file(cls, path: Path, name: str = "scripted") -> ScriptedEngine:
        """An engine that follows the rules in a YAML file."""
        script = parse(Script, read_yaml(path, "an engine's script"))
        return cls(lambda request: _by_rule(script, request), lambda request: _odds_by_rule(script, request), name)

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """The scripted replies; a stop text ends them as it would a model's."""
        return [self._reply(request) for request in requests]

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """The scripted log-probabilities."""
        self.usage.tokens_in += sum(_words(said(request)) for request in requests)
        return [list(self._odds(request)) for request in requests]

    def _reply(self, request: GenerateRequest) -> Reply:
        text = self._answer(request)
        for stop in request.stop:
            text = text.partition(stop)[0]
        words = re.findall(r"\s*\S+", text)
        kept, cut = words[: request.max_tokens], len(words) > request.max_tokens
        reply = finished("".join(kept), "length" if cut else "stop", _words(said(request)), len(kept))
        self.usage.tokens_in += reply.tokens_in
        self.usage.tokens_out += reply.tokens_out
        return reply


def said(request: GenerateRequest | ChoiceRequest) -> str:
    """The prompt as one text."""
    prompt: str | Messages = request.prompt
    text = prompt if isinstance(prompt, str) else "\n\n".join(message.content for message in prompt)
    return text + request.prefill


def _last(request: GenerateRequest | ChoiceRequest) -> str:
    prompt = request.prompt
    return (prompt if isinstance(prompt, str) else prompt[-1].content) + request.prefill


def _words(text: str) -> int:
    return len(text.split())


def _in_turn(replies: Sequence[str]) -> Answer:
    rest = iter(replies)

    def answer(_: GenerateRequest) -> str:
        try:
            return next(rest)
        except StopIteration:
            raise InputError(f"the scripted engine was given {len(replies)} replies and asked for more") from None

    return answer


def _by_rule(script: Script, request: GenerateRequest) -> str:
    last = _last(request)
    for rule in script.generate:
        if rule.contains in last:
            return rule.replies[request.seed % len(rule.replies)]
    return ""


def _odds_by_rule(script: Script, request: ChoiceRequest) -> list[float]:
    last = _last(request)
    for rule in script.choose:
        if rule.contains in last:
            given, wanted = len(rule.probabilities), len(request.answers)
            if given != wanted:
                raise InputError(
                    f"the script's rule for '{rule.contains}' gives {given} probabilities for {wanted} answers"
                )
            return [math.log(p) if p > 0 else -math.inf for p in rule.probabilities]
    return [-math.log(len(request.answers))] * len(request.answers)
