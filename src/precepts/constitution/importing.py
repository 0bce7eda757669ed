"""Constitutions from elsewhere: published files, a recipe's JSON, a plain list of sentences.

1. What a file is, is told by what it holds: one of the paper's five shapes (`published.py`); the `constitutions` and
   `system_chat` of Hugging Face's recipe; else sentences that ask for a choice, as a JSON list or one a line.
2. Sentences of the last kind say how to compare and not how to mend. Their critique and revision requests are derived
   by quoting them, and such principles carry the tag `derived`, for a person to look at.
3. Several files become one constitution; the same entries twice are refused. Prose is another matter: `prose.py`.
4. What is left out or cannot be used yet is said (`say`): chats of another shape than a round, a stage that no
   principle serves.
How it departs from the paper: the paper has no such thing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from precepts.constitution.published import (
    JUDGING,
    REVISING,
    demonstrations_of,
    first_error,
    principle_at,
    principles_of,
    published_constitution,
    recognised,
    slug,
)
from precepts.constitution.schema import Constitution, Demonstrations, Principle, Source
from precepts.errors import InputError
from precepts.settings import read_text, to_yaml

HUGGING_FACE = "the constitutions and system_chat of Hugging Face's recipe"
SENTENCES = "a list of sentences that ask for a choice"
_ROLES = ["user", "assistant"] * 3
_ROUND = ("prompt", "response", "critique_request", "critique", "revision_request", "revision")
_CHOOSES = re.compile(r"\b(choose|which|pick|prefer|select|compare)\b", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d+[.)])\s+")
_DERIVED_CRITIQUE = (
    "Responses are chosen by this rule: “{rule}” Point out everything in the assistant's last response that the rule "
    "speaks against, and say why."
)
_DERIVED_REVISION = (
    "Responses are chosen by this rule: “{rule}” Rewrite the assistant's last response so that it would be chosen."
)


Say = Callable[[str], object]  # tells the user one thing


def import_constitution(paths: Sequence[Path], name: str, say: Say = lambda _: None) -> Constitution:
    """One constitution from these files (a folder stands for the JSON files in it). Raises InputError naming the file
    and entry."""
    found = [(path, *_read(path)) for each in paths for path in _files(each)]
    _refuse_twice(found)
    try:
        if all(recognised(data) == kind for _, kind, data in found):
            made = published_constitution([(kind, data) for _, kind, data in found], name)
        else:
            made = _mixed(found, name, say)
    except (ValueError, ValidationError) as error:
        where = ", ".join(str(path) for path, _, _ in found)
        raise InputError(f"{where}: {_first(error)}") from None
    if not made.judging:
        say("no principle says how to compare: it can revise, and label only once you write some comparison_request")
    if not made.revising:
        say(
            "no principle says how to mend: it can label, and revise only once you write critique and revision requests"
        )
    return made


def constitution_yaml(constitution: Constitution) -> str:
    """A constitution as YAML that reads back the same; what is empty is left out."""
    data = constitution.model_dump(mode="json", exclude_defaults=True)
    data["principles"] = [each.model_dump(mode="json", exclude_defaults=True) for each in constitution.principles]
    return to_yaml(data)


def derived(rule: str, principle_id: str, title: str, source: Source, *tags: str) -> Principle:
    """A principle whose critique and revision requests are derived from how it chooses."""
    return Principle(
        id=principle_id,
        title=title,
        source=source,
        critique_request=_DERIVED_CRITIQUE.format(rule=rule),
        revision_request=_DERIVED_REVISION.format(rule=rule),
        comparison_request=rule,
        tags=["derived", *tags],
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.iterdir() if each.suffix == ".json")
    if not found:
        raise InputError(f"{path}: this folder holds no .json file; name the files")
    return found


def _refuse_twice(found: Sequence[tuple[Path, str, Any]]) -> None:
    """Raises InputError where two files hold the same, or entries that would be called the same."""
    for number, (path, kind, data) in enumerate(found):
        for earlier, other, before in found[:number]:
            if kind == other and data == before:
                raise InputError(f"{earlier} and {path}: their entries are the same; leave one of the two out")
            numbered = kind == other and kind in (JUDGING, HUGGING_FACE)
            if numbered or (kind == other == REVISING and {*data} & {*before}):
                raise InputError(f"{earlier} and {path}: both name their entries alike; import them one at a time")


def _read(path: Path) -> tuple[str, Any]:
    """What a file is, and what is in it."""
    text = read_text(path, "to be imported")
    if path.suffix == ".json":
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: this is not valid JSON: {error}") from None
        return _kind(path, data), data
    lines = [_BULLET.sub("", line).strip() for line in text.splitlines() if not line.startswith("#")]
    return SENTENCES, [line for line in lines if line]


def _kind(path: Path, data: Any) -> str:
    if shape := recognised(data):
        return shape
    if isinstance(data, dict) and isinstance(data.get("constitutions"), list):
        return HUGGING_FACE
    if isinstance(data, list) and data and all(isinstance(each, str) and each.strip() for each in data):
        return SENTENCES
    raise InputError(
        f"{path}: this is no constitution that is known here; give one of the paper's five files, {HUGGING_FACE}, or "
        f"{SENTENCES} (JSON, or one a line)"
    )


def _mixed(found: Sequence[tuple[Path, str, Any]], name: str, say: Say) -> Constitution:
    principles: list[Principle] = []
    shown: dict[str, list[Any]] = {}
    for path, kind, data in found:
        if kind == HUGGING_FACE:
            principles += _from_hugging_face(path, data)
            shown.setdefault("rounds", []).extend(_rounds(path, data.get("system_chat"), say))
        elif kind == SENTENCES:
            principles += _from_sentences(path, data, len(principles))
        else:
            principles += principles_of(kind, data)
            for field, entries in demonstrations_of(kind, data).items():
                shown.setdefault(field, []).extend(entries)
    if not principles:
        raise ValueError("there is no principle in it")
    return Constitution(
        name=name,
        version="1.0",
        description=f"Imported from {', '.join(path.name for path, _, _ in found)}.",
        principles=principles,
        demonstrations=Demonstrations.model_validate(shown),
    )


def _from_hugging_face(path: Path, data: Any) -> Iterator[Principle]:
    for number, entry in enumerate(data["constitutions"]):
        critique, revision = (entry.get(key) if isinstance(entry, dict) else None for key in ("critic", "revision"))
        if not (isinstance(critique, str) and critique.strip() and isinstance(revision, str) and revision.strip()):
            raise ValueError(f"constitutions[{number}]: expected 'critic' and 'revision', each some text")
        yield principle_at(
            f"constitutions[{number}]",
            id=f"constitution{number}",
            title=f"constitution{number}",
            source=Source(work=path.name, section=f"constitutions[{number}]"),
            critique_request=critique,
            revision_request=revision,
        )


def _rounds(path: Path, chats: Any, say: Say) -> list[dict[str, str]]:
    """The chats that are whole rounds: three turns of a user, each with an answer. The others are told."""
    if not isinstance(chats, list | None):
        raise ValueError("system_chat: expected a list of chats")
    chats = chats or []
    found, others = [], []
    for number, chat in enumerate(chats):
        place = f"system_chat[{number}]"
        texts = list(_texts(chat, place))
        if [turn.get("role") for turn in chat] == _ROLES:
            found.append(dict(zip(_ROUND, texts, strict=True)))
        else:
            others.append(f"{place} ({len(chat)} messages)")
    if others:
        shape = "six messages, user and assistant in turns"
        say(f"{path}: {len(others)} of {len(chats)} chats left out, for want of {shape}: {', '.join(others)}")
    return found


def _texts(chat: Any, place: str) -> Iterator[str]:
    """What is said in a chat, turn by turn. Raises ValueError where it is no chat."""
    if not isinstance(chat, list):
        raise ValueError(f"{place}: expected a list of messages, each with a role and its content")
    for number, turn in enumerate(chat):
        content = turn.get("content") if isinstance(turn, dict) else None
        if not isinstance(content, str) or not content.strip():
            raise ValueError(f"{place}[{number}]: expected a message with a role and some text as its content")
        yield content.strip()


def _from_sentences(path: Path, sentences: list[str], before: int) -> Iterator[Principle]:
    for number, sentence in enumerate(sentences):
        if not _CHOOSES.search(sentence):
            prose = (
                "" if path.suffix == ".json" else "; name a file .md or .markdown for its norms to be found in prose"
            )
            mend = f"begin it with 'Choose the ...'{prose}"
            raise ValueError(f"entry {number + 1} asks for no choice: “{sentence:.60}”; {mend}")
        where = Source(work=path.name, section=f"entry {number + 1}")
        yield derived(sentence.strip(), f"rule-{before + number + 1}", _title(sentence), where)


def _title(sentence: str) -> str:
    words = re.sub(r"^(please\s+)?(choose|pick|select)\s+(the\s+)?", "", sentence.strip(), flags=re.IGNORECASE).split()
    return " ".join(words[:8]).rstrip(".,;:?") or slug(sentence)


def _first(error: Exception) -> str:
    return first_error(error) if isinstance(error, ValidationError) else str(error)
