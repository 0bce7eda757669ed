"""YAML as people mean it: how a text becomes plain values, and back.

1. Numbers are decimal and dates stay text; a key is a word, and is given once; a tag of another kind of data has no
   meaning.
2. What nests too deeply, or holds itself, is refused where it stands, before a parser runs out of room.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

DEEPEST = 100  # levels
_Path = tuple[str | int, ...]


class Unusable(Exception):
    """Good YAML that cannot be used: the problem with its mend, the key path and the line."""


class Loader(yaml.SafeLoader):
    """SafeLoader with decimal numbers and no dates, which refuses a key given twice and what nests too deeply."""

    path: _Path = ()

    def compose_node(self, parent: Any, index: Any) -> Any:
        above, step = self.path, index.value if isinstance(index, yaml.ScalarNode) else index
        if parent is not None:
            self.path = (*above, step if isinstance(step, (str, int)) else "?")
        if len(self.path) > DEEPEST:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise too_deep(self.path, event.start_mark.line + 1)
        node = super().compose_node(parent, index)
        self.path = above
        return node


class Dumper(yaml.SafeDumper):
    """SafeDumper that quotes a text which Loader would take for a number, or whose line breaks would be lost."""


TAG = "tag:yaml.org,2002:"
TAGS = {
    yaml.MappingNode: {TAG + "map"},
    yaml.SequenceNode: {TAG + "seq"},
    yaml.ScalarNode: {TAG + name for name in ("str", "int", "float", "bool", "null")},
}
_NUMBERS = {
    "int": re.compile(r"^[-+]?[0-9][0-9_]*$"),
    "float": re.compile(
        r"^(?:[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf)|\.(?:nan|NaN))$"
    ),
}
Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag in (TAG + "bool", TAG + "null")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _regexp in _NUMBERS.items():
    Loader.add_implicit_resolver(TAG + _name, _regexp, list("-+.0123456789"))
    Dumper.add_implicit_resolver(TAG + _name, _regexp, list("-+.0123456789"))


def _whole(text: str) -> int:
    number = int(text.replace("_", ""))
    if abs(number) >= 2**63:
        raise ValueError
    return number


def _decimal(text: str) -> float:
    return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


def _scalar(read: Callable[[str], Any]) -> Callable[[Loader, yaml.ScalarNode], Any]:
    def construct(loader: Loader, node: yaml.ScalarNode) -> Any:
        try:
            return read(node.value)
        except (ValueError, LookupError):
            kind = node.tag.removeprefix(TAG)
            raise refusal(f"'{node.value:.40}' cannot be used as a value of type {kind}", node) from None

    return construct


def refusal(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    """The error that says `problem` of where `node` stands."""
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(odd in text for odd in "\x85\u2028\u2029") else None
    return dumper.represent_scalar(TAG + "str", text, style)


Dumper.add_representer(str, _text)


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag != TAG + "str":
            raise refusal("a key must be a word; put it in quotes if it is one", key_node)
        if key_node.value in seen:
            raise refusal(f"the key '{key_node.value}' is given twice", key_node)
        seen[key_node.value] = loader.construct_object(value_node, deep=True)
    return seen


Loader.add_constructor(TAG + "map", _mapping)
Loader.add_constructor(TAG + "int", _scalar(_whole))
Loader.add_constructor(TAG + "float", _scalar(_decimal))
Loader.add_constructor(TAG + "bool", _scalar(lambda text: yaml.SafeLoader.bool_values[text.lower()]))


def too_deep(path: _Path, line: int) -> Unusable:
    """The error about what nests too deeply."""
    return Unusable(f"this nests more than {DEEPEST} levels deep; write it flatter", path, line)
