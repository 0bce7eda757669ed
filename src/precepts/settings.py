"""Strict settings: what a YAML file says is checked to the letter, and a mistake is named with its line.

1. Every settings class derives from `Settings`: unknown keys are errors that carry the nearest right name, nothing
   is coerced ("3" is no number), and an object does not change after it is read.
2. `read_yaml` keeps the line of every key, so that an error says `recipe.yaml, line 12, rl.beta: ...`. Keys given
   twice are errors; `5e-4` is a number (YAML 1.1 would call it a string) and dates stay text.
3. `override` applies `--set a.b=value` before checking, so an override is checked like any line of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from precepts.errors import InputError, nearest

KeyPath = tuple[str | int, ...]


class Settings(BaseModel):
    """Base of every settings class: unknown keys refused, nothing coerced, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


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
        parts = [self.name, f"line {line}" if line else "", dotted(path)]
        return ", ".join(part for part in parts if part)


def dotted(path: KeyPath) -> str:
    """`("a", 0, "b")` as `a[0].b`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 5e-4 as a number, dates as text, and refuses a key given twice."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(  # type: ignore[no-untyped-call]
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
        if key in seen:
            problem = f"the key '{key}' is given twice"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)  # type: ignore[no-untyped-call]
    return seen


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _walk(node: yaml.Node, path: KeyPath, above: frozenset[int]) -> Iterator[tuple[KeyPath, int]]:
    yield path, node.start_mark.line + 1
    if id(node) in above:
        raise RecursionError
    above = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            for below, line in _walk(value, (*path, str(key.value)), above):
                if below != (*path, str(key.value)):
                    yield below, line
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index), above)


def parse_yaml(text: str, name: str) -> Document:
    """Parse YAML `text`; `name` is what errors call it. Raises InputError with the line of the trouble."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise InputError(f"{name}: the file is empty")
            lines = dict(_walk(node, (), frozenset()))
            return Document(loader.construct_document(node), name, lines)  # type: ignore[no-untyped-call]
        finally:
            loader.dispose()  # type: ignore[no-untyped-call]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{name}{where}: this is not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        problem = "it nests or refers to itself too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"{name}: this is not valid YAML: {problem}") from None


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
    except PermissionError:
        raise InputError(f"{path}: no permission to read it ({what})") from None


def read_yaml(path: Path, what: str) -> Document:
    """Read a YAML file; `what` names its job in errors ("a recipe", say)."""
    return parse_yaml(read_text(path, what), str(path))


def override(data: dict[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """A copy of `data` with `key.path=value` assignments applied; values are YAML (`0.05`, `[a, b]`, `null`)."""
    result: dict[str, Any] = _copy(data)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise InputError(f"--set {assignment}: write it as key.path=value, for example rl.beta=0.05")
        here = result
        for key in keys[:-1]:
            below = here.get(key)
            if below is None:
                below = here[key] = {}
            if not isinstance(below, dict):
                raise InputError(f"--set {assignment}: '{key}' holds a value and has no keys below it")
            here = below
        here[keys[-1]] = parse_yaml(value, f"--set {assignment}").data if value.strip() else ""
    return result


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
        raise InputError("\n".join(dict.fromkeys(_explain(model, document, error)))) from None


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
        else:
            yield f"{place}: {_sentence(item['msg'])}, found {_kind(item['input'])}"


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
    return message.replace("Input should be", "should be").replace("a valid ", "a ")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"{value!r:.60}"
