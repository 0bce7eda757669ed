"""The two shapes a conversation takes on its way to a model: chat messages, or raw text for a base model.

1. Callers build a list of `Turn`s, which know what was said and in which role of the method. `render` turns them
   into what an engine takes, ready for the model to write the turn that `expect` names.
2. `raw` is the published layout (paper appendix C.1): `\\n\\nHuman:`, `\\n\\nAssistant:`, `\\n\\nCritiqueRequest:`,
   `\\n\\nCritique:`, `\\n\\nRevisionRequest:`, `\\n\\nRevision:`; the next label ends the model's turn (`stops`).
3. `chat` puts the human's turns and the requests in the user's role, and the rest in the assistant's. The model's
   own chat template does the rest, so no label can leak into an answer.
How it departs from the paper: the paper's models had no chat template; the chat shape is ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from precepts.records import Message, Messages

Format = Literal["chat", "raw"]
Rendered = str | Messages

_LABELS = {
    "human": "Human",
    "assistant": "Assistant",
    "critique_request": "CritiqueRequest",
    "critique": "Critique",
    "revision_request": "RevisionRequest",
    "revision": "Revision",
}
_ASSISTANT = {"assistant", "critique", "revision"}


@dataclass(frozen=True)
class Turn:
    """One turn; `role` is a key of the label table above."""

    role: str
    text: str


def turns_of(messages: Messages) -> list[Turn]:
    """A conversation's messages as turns; a system message has no place in the raw layout and is kept in chat only."""
    roles = {"user": "human", "assistant": "assistant", "system": "system"}
    return [Turn(roles[message.role], message.content) for message in messages]


def render(turns: Sequence[Turn], expect: str, style: Format) -> Rendered:
    """`turns` in the given style, ready for the model to write its next turn, of role `expect`."""
    if style == "raw":
        said = "".join(f"\n\n{_LABELS[turn.role]}: {turn.text}" for turn in turns if turn.role in _LABELS)
        return f"{said}\n\n{_LABELS[expect]}:"
    return tuple(_message(turn.role, turn.text) for turn in turns)


def stops(style: Format) -> tuple[str, ...]:
    """The texts that end a model's turn: in raw style the labels of the next one."""
    return tuple(f"\n\n{label}:" for label in _LABELS.values()) if style == "raw" else ()


def plain(messages: Iterable[Message]) -> str:
    """A conversation as text for a model to read about, not to go on with."""
    names = {"user": "Human", "assistant": "Assistant", "system": "System"}
    return "\n\n".join(f"{names[message.role]}: {message.content}" for message in messages)


def exchange(shots: Sequence[tuple[str, str]], asked: str, opening: str, style: Format) -> tuple[Rendered, str]:
    """(prompt, prefill): the examples' questions and answers, the question, and the beginning of the answer."""
    if style == "raw":
        return "\n\n\n".join([*(f"{question}\n\n{reply}" for question, reply in shots), f"{asked}\n\n{opening}"]), ""
    turns = [Message(role, text) for pair in shots for role, text in zip(("user", "assistant"), pair, strict=True)]
    return (*turns, Message("user", asked)), opening


def as_sent(rendered: Rendered) -> str:
    """What was sent, as one text for the records: raw text as it is, chat messages as JSON."""
    if isinstance(rendered, str):
        return rendered
    return f"[{', '.join(_as_json(message.role, message.content) for message in rendered)}]"


@lru_cache(maxsize=256)
def _as_json(role: str, content: str) -> str:
    """A message as JSON; the few-shot ones, which every prompt begins with, are kept."""
    return json.dumps({"role": role, "content": content}, ensure_ascii=False)


@lru_cache(maxsize=256)
def _message(role: str, text: str) -> Message:
    """A turn as a chat message; the few-shot ones are kept."""
    return Message("system" if role == "system" else "assistant" if role in _ASSISTANT else "user", text)
