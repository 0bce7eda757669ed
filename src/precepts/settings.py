"""Strict settings: what a YAML file says is checked to the letter, and a mistake is named with its line.

1. Every settings class derives from `Settings`: unknown keys are errors that carry the nearest right name, nothing
   is coerced ("3" is no number), and an object does not change after it is read.
2. `read_yaml` keeps the line of every key, so that an error says `recipe.yaml, line 12, rl.beta: ...`. Keys given
   twice are errors. Numbers are decimal (`5e-4` is one, which YAML 1.1 would call a string; `1:30` and `0x10` are
   none) and dates stay text. `to_yaml` writes what `read_yaml` reads back the same.
3. `override` applies `--set a.b=value` before checking, so an override is checked like any line of the file.
4. Nothing in a file can make reading it crash, hang or fill the memory: what cannot be used is an InputError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from precepts.errors import InputError
from precepts.mistakes import explain, kind
from precepts.texts import refuse_unfit, unfit
from precepts.yaml_values import DEEPEST, TAG, TAGS, Dumper, Loader, Unusable, refusal, too_deep

KeyPath = tuple[str | int, ...]
_FROM_SET = 0  # stands in `Document.lines` for a value that --set gave
_MOST_VALUES = 200_000  # of one file, aliases written out
_MOST_MISTAKES = 20  # told at once


class Settings(BaseModel):
    """Base of every settings class: unknown keys refused, nothing coerced, numbers finite, texts plain, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _plain_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            refuse_unfit(value)  # before pydantic says it in words of its own
        return value

    @field_validator("*")
    @classmethod
    def _plain_texts(cls, value: Any) -> Any:
        refuse_unfit(value)
        return value


S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Plain data read from a file, with the line (from 1) of each key path."""

    data: Any
    name: str
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """`file, line N, a.b`: as much of it as is known for `path`."""
        line = next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)
        where = "" if line is None else "--set" if line == _FROM_SET else f"line {line}"
        parts = [self.name, where, dotted(path)]
        return ", ".join(part for part in parts if part)


def dotted(path: KeyPath) -> str:
    """`("a", 0, "b")` as `a[0].b`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def _walk(node: yaml.Node, path: KeyPath, above: frozenset[int], line: int) -> Iterator[tuple[KeyPath, int]]:
    """Each key path with its line. Refuses tags of other kinds of data, and nodes that hold themselves; `line` is where
    the node is asked for, which for an alias is further down than where it stands."""
    if id(node) in above:
        raise Unusable("this refers to itself (an alias inside its own anchor); write the value out", path, line)
    if len(path) > DEEPEST:
        raise too_deep(path, line)
    if node.tag not in TAGS[type(node)]:
        raise refusal(f"a tag ({node.tag.removeprefix(TAG)}) has no meaning here; write the plain value", node)
    above = above | {id(node)}
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise refusal("a key must be a word", key)
            yield from _walk(value, (*path, key.value), above, max(line, key.start_mark.line + 1))
            yield (*path, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index), above, max(line, value.start_mark.line + 1))


def _lines(node: yaml.Node) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    for path, line in _walk(node, (), frozenset(), 1):
        lines[path] = line
        if len(lines) > _MOST_VALUES:
            problem = f"the file holds more than {_MOST_VALUES:,} values by here, aliases (*name) written out"
            raise Unusable(f"{problem}; take aliases out, or shorten it", path[:1], lines.get(path[:1], line))
    return lines


def parse_yaml(text: str, name: str) -> Document:
    """Parse YAML `text`; `name` is what errors call it. Raises InputError with the line of the trouble."""
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise InputError(f"{name}: the file is empty")
            lines = _lines(node)
            return Document(loader.construct_document(node), name, lines)
        finally:
            loader.dispose()
    except Unusable as error:
        problem, path, at = error.args
        where = Document(None, name, {path[:3]: at}).place(path[:3]) + ("…" if len(path) > 3 else "")
        raise InputError(f"{where}: {problem}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{name}{place}: this is not valid YAML: {problem}{_mend(text, problem, mark)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{name}, line {line}: this is not valid YAML: {unfit(chr(error.character))}") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        problem = "it nests too deeply; write it flatter" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{name}: this is not valid YAML: {problem}") from None


def _mend(text: str, problem: str, mark: yaml.Mark | None) -> str:
    """The end of a sentence about broken YAML: what to do, where that is known."""
    line = text.split("\n")[mark.line] if mark and mark.line <= text.count("\n") else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "found character '\\t'" in problem:
        return "; use spaces in place of the tab"
    mends = {
        "cannot start any token": "put the text in quotes",
        "mapping values are not allowed": "put a text with ': ' in it in quotes, or mend the indentation",
        "undefined alias": "put a text that begins with * in quotes",
        "expected <block end>": "mend the indentation",
    }
    return next((f"; {mend}" for told, mend in mends.items() if told in problem), "")


def to_yaml(data: Any) -> str:
    """Plain data as YAML that reads back as the same data."""
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def is_there(path: Path) -> bool:
    """Whether `path` names something that exists; a name that no file can have does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_text(path: Path, what: str) -> str:
    """The text of a UTF-8 file; `what` names its job in the error when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file ({what})") from None
    except IsADirectoryError:
        raise InputError(f"{path}: this is a folder; {what} is a file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8 ({what})") from None
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InputError(f"{str(path)!r:.200}: cannot be read: {problem} ({what})") from None


def read_yaml(path: Path, what: str) -> Document:
    """Read a YAML file; `what` names its job in errors ("a recipe", say)."""
    return parse_yaml(read_text(path, what), str(path))


def override(document: Document, assignments: Iterable[str]) -> Document:
    """`document` with `key.path=value` assignments applied; values are YAML (`0.05`, `[a, b]`, `null`)."""
    data, lines = _copy(document.data), dict(document.lines)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        path = tuple(name.strip().split("."))
        if not equals or not all(path):
            raise InputError(f"--set {assignment}: write it as key.path=value, for example rl.beta=0.05")
        here = data
        for depth, key in enumerate(path[:-1], start=1):
            if here.get(key) is None:
                here[key], lines[path[:depth]] = {}, _FROM_SET
            here = here[key]
            if not isinstance(here, dict):
                raise InputError(f"--set {assignment}: '{key}' holds a value and has no keys below it")
        here[path[-1]] = parse_yaml(value, f"--set {assignment}").data if value.strip() else ""
        lines = {key: line for key, line in lines.items() if key[: len(path)] != path} | {path: _FROM_SET}
    return replace(document, data=data, lines=lines)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(below) for key, below in value.items()}
    return [_copy(below) for below in value] if isinstance(value, list) else value


def parse(model: type[S], document: Document) -> S:
    """Check `document` against a settings class. Raises InputError that lists each mistake with place and mend."""
    if not isinstance(document.data, dict):
        raise InputError(f"{document.name}: expected 'key: value' lines, found {kind(document.data)}")
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        mistakes = explain(model, document.data, document.place, error)
        more = [f"... and {len(mistakes) - _MOST_MISTAKES} more"] if len(mistakes) > _MOST_MISTAKES else []
        raise InputError("\n".join(mistakes[:_MOST_MISTAKES] + more)) from None
