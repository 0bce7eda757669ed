"""Settings laid over others: what an arm of a recipe changes, with the lines it is written on.

1. An arm's changes are a mapping. Plain keys are gone into, so that what lies beside them stays (`pm: {epochs: 2.0}`);
   a dotted key (`pm.epochs: 2.0`) sets its whole value, as `--set` does.
2. `laid_over` keeps the line of every key, so that a mistake in an arm is told as any other: by its file and line.
3. `differences` goes the other way: the fewest dotted keys that make one mapping of another.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from precepts.errors import InputError
from precepts.settings import Document, KeyPath


def laid_over(document: Document, at: KeyPath, name: str) -> Document:
    """`document` without its section `at[0]`, with the changes that stand at `at` laid over it; errors will call it
    `name`. Raises InputError for a key that leads nowhere."""
    data = {key: copy.deepcopy(value) for key, value in document.data.items() if key != at[0]}
    lines = {path: line for path, line in document.lines.items() if path[:1] != at[:1]}
    given = document.data
    for key in at:
        given = given[key]
    for path, origin, value in _changes(document, given or {}, at, ()):
        _lay(data, path, value, document.place(origin))
        moved = {place: line for place, line in document.lines.items() if place[: len(origin)] == origin}
        lines = {place: line for place, line in lines.items() if place[: len(path)] != path}
        lines |= {(*path, *place[len(origin) :]): line for place, line in moved.items()}
        above = {path[:depth]: moved[origin] for depth in range(1, len(path)) if origin in moved}
        lines = above | lines
    return Document(data, name, lines)


def changed(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`data` with each dotted key of `changes` set to its value."""
    whole = copy.deepcopy(data)
    for key, value in changes.items():
        _lay(whole, tuple(key.split(".")), value, key)
    return whole


def differences(base: Any, other: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted keys, each with its value, that make `other` of `base`; `changed` takes them."""
    alike = isinstance(base, dict) and isinstance(other, dict) and base.keys() == other.keys()
    if alike and not any("." in key for key in base):
        for key in base:
            yield from differences(base[key], other[key], f"{at}.{key}" if at else key)
    elif base != other:
        yield at, other


def _changes(
    document: Document, given: dict[str, Any], origin: KeyPath, at: KeyPath
) -> Iterator[tuple[tuple[str, ...], KeyPath, Any]]:
    """Each (key path, place in the document, value) that the mapping `given` sets."""
    for key, value in given.items():
        path, place = (*(str(each) for each in at), *key.split(".")), (*origin, key)
        if not all(path):
            raise InputError(f"{document.place(place)}: write a key as stage.setting, for example pm.epochs")
        if isinstance(value, dict) and value and "." not in key:
            yield from _changes(document, value, place, path)
        else:
            yield path, place, value


def _lay(data: dict[str, Any], path: tuple[str, ...], value: Any, place: str) -> None:
    here: Any = data
    for key in path[:-1]:
        if here.get(key) is None:
            here[key] = {}
        here = here[key]
        if not isinstance(here, dict):
            raise InputError(f"{place}: '{key}' holds a value and has no keys below it")
    here[path[-1]] = copy.deepcopy(value)
