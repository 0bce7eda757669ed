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

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from precepts.errors import InputError, nearest

KeyPath = tuple[str | int, ...]
_FROM_SET = 0  # stands in `Document.lines` for a value that --set gave
_MOST_VALUES = 200_000  # of one file, aliases written out
_MOST_MISTAKES = 20  # told at once


class Settings(BaseModel):
    """Base of every settings class: unknown keys refused, nothing coerced, numbers finite, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())


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


class _Loader(yaml.SafeLoader):
    """SafeLoader with decimal numbers and no dates, which refuses a key given twice."""


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes a text which _Loader would take for a number, or whose line breaks would be lost."""


_TAG = "tag:yaml.org,2002:"
_TAGS = {
    yaml.MappingNode: {_TAG + "map"},
    yaml.SequenceNode: {_TAG + "seq"},
    yaml.ScalarNode: {_TAG + name for name in ("str", "int", "float", "bool", "null")},
}
_NUMBERS = {
    "int": re.compile(r"^[-+]?[0-9][0-9_]*$"),
    "float": re.compile(
        r"^(?:[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf)|\.(?:nan|NaN))$"
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag in (_TAG + "bool", _TAG + "null")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _regexp in _NUMBERS.items():
    _Loader.add_implicit_resolver(_TAG + _name, _regexp, list("-+.0123456789"))
    _Dumper.add_implicit_resolver(_TAG + _name, _regexp, list("-+.0123456789"))


def _whole(text: str) -> int:
    number = int(text.replace("_", ""))
    if abs(number) >= 2**63:
        raise ValueError
    return number


def _decimal(text: str) -> float:
    return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


def _scalar(read: Callable[[str], Any]) -> Callable[[_Loader, yaml.ScalarNode], Any]:
    def construct(loader: _Loader, node: yaml.ScalarNode) -> Any:
        try:
            return read(node.value)
        except (ValueError, LookupError):
            kind = node.tag.removeprefix(_TAG)
            raise _refusal(f"'{node.value:.40}' cannot be used as a value of type {kind}", node) from None

    return construct


def _refusal(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(odd in text for odd in "\x85\u2028\u2029") else None
    return dumper.represent_scalar(_TAG + "str", text, style)


_Dumper.add_representer(str, _text)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag != _TAG + "str":
            raise _refusal("a key must be a word; put it in quotes if it is one", key_node)
        if key_node.value in seen:
            raise _refusal(f"the key '{key_node.value}' is given twice", key_node)
        seen[key_node.value] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor(_TAG + "map", _mapping)
_Loader.add_constructor(_TAG + "int", _scalar(_whole))
_Loader.add_constructor(_TAG + "float", _scalar(_decimal))
_Loader.add_constructor(_TAG + "bool", _scalar(lambda text: yaml.SafeLoader.bool_values[text.lower()]))


def _walk(node: yaml.Node, path: KeyPath, above: frozenset[int]) -> Iterator[tuple[KeyPath, int]]:
    """Each key path with its line. Refuses tags of other kinds of data, and nodes that hold themselves."""
    if id(node) in above:
        raise RecursionError
    if node.tag not in _TAGS[type(node)]:
        raise _refusal(f"a tag ({node.tag.removeprefix(_TAG)}) has no meaning here; write the plain value", node)
    above = above | {id(node)}
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key must be a word", key)
            yield from _walk(value, (*path, key.value), above)
            yield (*path, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index), above)


def _lines(node: yaml.Node) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    for path, line in _walk(node, (), frozenset()):
        lines[path] = line
        if len(lines) > _MOST_VALUES:
            raise RecursionError
    return lines


def parse_yaml(text: str, name: str) -> Document:
    """Parse YAML `text`; `name` is what errors call it. Raises InputError with the line of the trouble."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise InputError(f"{name}: the file is empty")
            lines = _lines(node)
            return Document(loader.construct_document(node), name, lines)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{name}{where}: this is not valid YAML: {problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character U+{error.character:04X} has no place in a text file"
        raise InputError(f"{name}, line {line}: this is not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        problem = "it nests or refers to itself too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{name}: this is not valid YAML: {problem}") from None


def to_yaml(data: Any) -> str:
    """Plain data as YAML that reads back as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


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
        raise InputError(f"{document.name}: expected 'key: value' lines, found {_kind(document.data)}")
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        mistakes = list(dict.fromkeys(_explain(model, document, error)))
        more = [f"... and {len(mistakes) - _MOST_MISTAKES} more"] if len(mistakes) > _MOST_MISTAKES else []
        raise InputError("\n".join(mistakes[:_MOST_MISTAKES] + more)) from None


def _explain(model: type[BaseModel], document: Document, error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False):
        path = _real_path(item["loc"], document.data)
        place = document.place(path)
        if item["type"] == "extra_forbidden":
            known = set(_fields_at(model, path[:-1])) or {"nothing"}
            yield f"{place}: unknown key '{path[-1]}'; {nearest(str(path[-1]), known)}"
        elif item["type"] == "missing":
            yield f"{place}: missing; add '{path[-1]}'"
        elif item["type"] == "value_error":
            yield f"{place}: {str(item['msg']).removeprefix('Value error, ')}"
        elif item["type"] == "model_type":
            yield f"{place}: expected 'key: value' lines, found {_kind(item['input'])}"
        else:
            number = item["type"] == "string_type" and isinstance(item["input"], (bool, int, float))
            mend = "; put it in quotes" if number else ""
            yield f"{place}: {_sentence(item['msg'])}, found {_kind(item['input'])}{mend}"


def _real_path(loc: tuple[str | int, ...], data: Any) -> KeyPath:
    """`loc` without the steps pydantic adds for unions: only keys that lead into `data`, and the last one."""
    path: list[str | int] = []
    here = data
    for index, key in enumerate(loc):
        inside = (isinstance(here, dict) and key in here) or (isinstance(here, list) and isinstance(key, int))
        if inside:
            here = here[key]
            path.append(key)
        elif index == len(loc) - 1 and isinstance(here, dict):
            path.append(key)
    return tuple(path)


def _fields_at(model: type[BaseModel], path: KeyPath) -> Iterator[str]:
    models = [model]
    for key in path:
        if isinstance(key, str):
            models = [
                below
                for each in models
                if key in each.model_fields
                for below in _models_in(each.model_fields[key].annotation)
            ]
    for each in models:
        yield from each.model_fields


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for below in get_args(annotation):
        yield from _models_in(below)


def _sentence(message: str) -> str:
    message = re.sub(r"^(Input|String|List|Dictionary) should", "should", message).replace(" after validation", "")
    return message.replace("a valid integer", "an integer").replace("a valid ", "a ")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"{value!r:.60}"
