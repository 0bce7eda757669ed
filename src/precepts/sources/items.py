"""From rows to prompts and comparisons.

1. Our fields are found under the names that `columns` gives, else under their own. A prompt is `messages` (a chat),
   `dialogue` (raw labelled text, whose last assistant turn is dropped) or `prompt` (one human turn).
2. A comparison has `chosen` and `rejected`: two responses to that prompt, or two whole dialogues (raw text, as in
   hh-rlhf, or messages) that part at their last turn. Or it has `corrects` and `incorrects`, lists of responses (the
   shape of the paper's evaluation items): each of the one against each of the other is a comparison. A reference is
   a prompt with the answer `reference`.
3. A row that lacks its fields is the user's mistake and an error with file and line. A row that is well formed and
   of no use (dialogues that part earlier, an empty prompt) yields None and is counted.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from precepts.dialogue import is_dialogue, parse_dialogue, shared_prompt
from precepts.errors import InputError, nearest
from precepts.evidence import Reference
from precepts.identity import content_hash, fraction_of
from precepts.records import Demonstration, HumanComparison, Message, Messages, Prompt, messages_id
from precepts.sources.read import HUB, Row, SourceSettings, rows, source_name
from precepts.sources.split import side_of

T = TypeVar("T", Prompt, HumanComparison, Demonstration, Reference)
_ROLES = ("system", "user", "assistant")


def read_prompts(settings: SourceSettings, kind: str, held_out: float) -> Iterator[Prompt | None]:
    """The prompts of a source as `kind`; None for each row without use. `held_out` in [0, 1] is the share kept out."""
    return limited((_prompt(row, settings, kind, held_out) for row in rows(settings)), settings)


def read_comparisons(settings: SourceSettings, held_out: float) -> Iterator[HumanComparison | None]:
    """The labelled comparisons of a source; None for each row without use."""
    return limited((item for row in rows(settings) for item in _comparisons(row, settings, held_out)), settings)


def read_demonstrations(settings: SourceSettings) -> Iterator[Demonstration | None]:
    """The worked rounds of a source (`prompt` or `messages`, `response`, `critique`, `revision`, and where they are
    given `principle` and `worse`); None for each row without use."""
    return limited((_demonstration(row, settings) for row in rows(settings)), settings)


def read_references(settings: SourceSettings) -> Iterator[Reference | None]:
    """The reference answers of a source (`prompt` or `messages`, and `reference`); None for each row without use."""
    return limited((_reference(row, settings) for row in rows(settings)), settings)


def read_answers(settings: SourceSettings) -> Iterator[tuple[dict[str, Any], Messages, str]]:
    """(row, conversation, response) of each row with a prompt and a `response`. Raises InputError naming the row."""
    for row in rows(settings):
        yield row.data, _conversation(row, settings), _needed(row, settings, "response")


def limited(items: Iterable[T | None], settings: SourceSettings) -> Iterator[T | None]:
    """All of a source's `items`, or the `limit` of them with the lowest hash, in their order: the same ones for every
    seed."""
    limit = settings.limit
    if limit is None:
        yield from items
    elif settings.source.startswith(HUB):
        for _, item in zip(range(limit), items, strict=False):
            yield item
    else:
        ranked = ((fraction_of(f"limit {item.id}"), index, item) for index, item in enumerate(items) if item)
        kept = heapq.nsmallest(limit, ranked, key=lambda entry: entry[:2])
        yield from (item for _, _, item in sorted(kept, key=lambda entry: entry[1]))


def _prompt(row: Row, settings: SourceSettings, kind: str, held_out: float) -> Prompt | None:
    messages = _conversation(row, settings)
    if not messages or not messages[-1].content.strip():
        return None
    side = side_of(messages, held_out)
    return Prompt(messages_id(messages), kind, side, _category(row, settings), source_name(settings), messages)


def _demonstration(row: Row, settings: SourceSettings) -> Demonstration | None:
    messages = _conversation(row, settings)
    texts = [_needed(row, settings, name) for name in ("response", "critique", "revision")]
    if not messages or not all(text.strip() for text in (messages[-1].content, *texts)):
        return None
    response, critique, revision = texts
    worse = _text(row, settings, "worse") or ("" if response == revision else response)
    return Demonstration(
        id=content_hash([messages_id(messages), *texts], 12),
        prompt_id=messages_id(messages),
        category=_category(row, settings),
        messages=messages,
        response=response,
        critique=critique,
        revision=revision,
        worse=worse if worse.strip() else "",
        principle_id=_text(row, settings, "principle"),
    )


def _reference(row: Row, settings: SourceSettings) -> Reference | None:
    messages, text = _conversation(row, settings), _needed(row, settings, "reference")
    if not messages or not messages[-1].content.strip() or not text.strip():
        return None
    prompt_id = messages_id(messages)
    return Reference(content_hash([prompt_id, text], 12), prompt_id, _category(row, settings), messages, text)


def _category(row: Row, settings: SourceSettings) -> str:
    return _text(row, settings, "category") or _text(row, settings, "kind") or ""


def _comparisons(row: Row, settings: SourceSettings, held_out: float) -> Iterator[HumanComparison | None]:
    """The comparisons of a row: one, or one for each pair of its corrects and incorrects."""
    names = ("corrects", "incorrects")
    if not any(settings.columns.get(name, name) in row.data for name in names):
        yield _comparison(row, settings, held_out)
        return
    messages = _conversation(row, settings)
    corrects, incorrects = (_responses(row, settings, name) for name in names)
    for chosen in corrects:
        for rejected in incorrects:
            yield _compared(row, settings, held_out, messages, chosen, rejected)


def _responses(row: Row, settings: SourceSettings, name: str) -> list[str]:
    column = settings.columns.get(name, name)
    value = row.data.get(column)
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        found = "nothing" if value is None else "an empty list" if value == [] else type(value).__name__
        raise InputError(f"{row.place}, {column}: expected a list of one or more texts, found {found}")
    return value


def _comparison(row: Row, settings: SourceSettings, held_out: float) -> HumanComparison | None:
    whole = [_whole(row, settings, name) for name in ("chosen", "rejected")]
    if whole[0] and whole[1]:
        parts = shared_prompt(whole[0], whole[1])
        if parts is None:
            return None
        messages, chosen, rejected = parts
    else:
        chosen, rejected = (_needed(row, settings, name) for name in ("chosen", "rejected"))
        messages = _conversation(row, settings)
    return _compared(row, settings, held_out, messages, chosen, rejected)


def _compared(
    row: Row, settings: SourceSettings, held_out: float, messages: Messages, chosen: str, rejected: str
) -> HumanComparison | None:
    texts = [messages[-1].content if messages else "", chosen, rejected]
    if not all(text.strip() for text in texts) or chosen == rejected:
        return None
    prompt_id = messages_id(messages)
    side = side_of(messages, held_out)
    identity = content_hash([prompt_id, chosen, rejected], 12)
    named = (_category(row, settings), source_name(settings))
    return HumanComparison(identity, prompt_id, side, *named, messages, chosen, rejected)


def _whole(row: Row, settings: SourceSettings, name: str) -> Messages | None:
    """The field as a whole dialogue, raw or in messages; None where it is a response alone."""
    column = settings.columns.get(name, name)
    value = row.data.get(column)
    if isinstance(value, list):
        return _messages(row, column, value)
    return _dialogue(row, column, value) if isinstance(value, str) and is_dialogue(value) else None


def _conversation(row: Row, settings: SourceSettings) -> Messages:
    """The row's prompt as messages that end with the human's turn. Raises InputError naming the row."""
    for name in ("messages", "dialogue", "prompt"):
        column = settings.columns.get(name, name)
        if column in row.data and (name in settings.columns or not _mapped(settings)):
            value = row.data[column]
            if name == "messages":
                return _up_to_human(_messages(row, column, value))
            text = _string(row, column, value)
            as_dialogue = name == "dialogue" or is_dialogue(text)
            return _up_to_human(_dialogue(row, column, text) if as_dialogue else (Message("user", text),))
    wanted = next((settings.columns[n] for n in ("messages", "dialogue", "prompt") if n in settings.columns), "prompt")
    raise InputError(f"{row.place}: no column '{wanted}'; {nearest(wanted, row.data)} (map it with 'columns')")


def _mapped(settings: SourceSettings) -> bool:
    return any(name in settings.columns for name in ("messages", "dialogue", "prompt"))


def _dialogue(row: Row, column: str, text: str) -> Messages:
    try:
        return parse_dialogue(text)
    except ValueError as error:
        raise InputError(f"{row.place}, {column}: {error}") from None


def _up_to_human(messages: Messages) -> Messages:
    while messages and messages[-1].role != "user":
        messages = messages[:-1]
    return messages


def _messages(row: Row, column: str, value: Any) -> Messages:
    if not isinstance(value, list):
        raise InputError(f"{row.place}, {column}: expected a list of {{role, content}}, found {type(value).__name__}")
    for each in value:
        fits = isinstance(each, dict) and each.get("role") in _ROLES and isinstance(each.get("content"), str)
        if not fits:
            raise InputError(f"{row.place}, {column}: each message needs a role ({', '.join(_ROLES)}) and a content")
    return tuple(Message(each["role"], each["content"]) for each in value)


def _needed(row: Row, settings: SourceSettings, name: str) -> str:
    column = settings.columns.get(name, name)
    if column not in row.data:
        raise InputError(f"{row.place}: no column '{column}'; {nearest(column, row.data)} (map it with 'columns')")
    return _string(row, column, row.data[column])


def _string(row: Row, column: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{row.place}, {column}: expected text, found {type(value).__name__}")
    return value


def _text(row: Row, settings: SourceSettings, name: str) -> str | None:
    value = row.data.get(settings.columns.get(name, name))
    return value if isinstance(value, str) else None
