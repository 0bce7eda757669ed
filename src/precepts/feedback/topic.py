"""Is an answer about its prompt? How likely the prompt is, given the answer (later work on small models).

1. A model that reads only the answer guesses the message that it answers: log P(message | answer). From it is taken
   log P(message | no answer), since a common message is likely after anything.
2. The difference is in nats per byte of the message. An answer about something else makes it no likelier, or less so.
How it departs from the paper: the paper learns from every revision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from precepts.engines.base import ChoiceRequest, Engine
from precepts.prompts.formats import Format, Turn, render
from precepts.prompts.render import fill, template
from precepts.records import Messages

WORDING = ("templates/topic.txt",)
_NO_ANSWER = "(no answer)"


def topicality(rows: Sequence[tuple[Messages, str]], engine: Engine, style: Format) -> list[float | None]:
    """For each conversation and answer, how much likelier the answer makes the last message, in nats per byte; None
    where the model cannot say."""
    asked = [(messages[-1].content, text) for messages, text in rows]
    alone = list(dict.fromkeys(message for message, _ in asked))
    requests = [_request(message, text, style) for message, text in asked]
    requests += [_request(message, _NO_ANSWER, style) for message in alone]
    found = [logprobs[0] for logprobs in engine.choose(requests)]
    before = dict(zip(alone, found[len(asked) :], strict=True))
    gained = [
        (after - before[message], len(message.encode())) for (message, _), after in zip(asked, found, strict=False)
    ]
    return [nats / size if math.isfinite(nats) and size else None for nats, size in gained]


def _request(message: str, answer: str, style: Format) -> ChoiceRequest:
    prompt = render([Turn("human", fill(template("topic"), answer=answer))], "assistant", style)
    return ChoiceRequest(prompt, (f" {message}" if style == "raw" else message,))
