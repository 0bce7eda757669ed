"""What is wrong with data that a settings class refuses, in words: the place, what was found, and the mend.

Pydantic's errors are about its own types; a person knows keys and lines. Unions add steps to an error's path that are
in no file, and are left out again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from precepts.errors import nearest

_KeyPath = tuple[str | int, ...]


def explain(model: type[BaseModel], data: Any, place: Callable[[_KeyPath], str], error: ValidationError) -> list[str]:
    """Each mistake once, as `place: what is wrong; the mend`; `place` tells where a key path of `data` stands."""
    return list(dict.fromkeys(_mistakes(model, data, place, error)))


def _mistakes(
    model: type[BaseModel], data: Any, place: Callable[[_KeyPath], str], error: ValidationError
) -> Iterator[str]:
    for item in error.errors(include_url=False):
        path = _real_path(item["loc"], data)
        where = place(path)
        if item["type"] == "extra_forbidden":
            known = set(_fields_at(model, path[:-1])) or {"nothing"}
            yield f"{where}: unknown key '{path[-1]}'; {nearest(str(path[-1]), known)}"
        elif item["type"] == "missing":
            yield f"{where}: missing; add '{path[-1]}'"
        elif item["type"] == "value_error":
            yield f"{where}: {str(item['msg']).removeprefix('Value error, ')}"
        elif item["type"] == "model_type":
            yield f"{where}: expected 'key: value' lines, found {kind(item['input'])}"
        else:
            number = item["type"] == "string_type" and isinstance(item["input"], (bool, int, float))
            mend = "; put it in quotes" if number else ""
            yield f"{where}: {_sentence(item['msg'])}, found {kind(item['input'])}{mend}"


def _real_path(loc: tuple[str | int, ...], data: Any) -> _KeyPath:
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


def _fields_at(model: type[BaseModel], path: _KeyPath) -> Iterator[str]:
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


def kind(value: Any) -> str:
    """What a value is, for the end of a sentence."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"{value!r:.60}"
