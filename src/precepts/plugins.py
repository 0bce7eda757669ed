"""Plug-ins: classes that Precepts ships, and those of other packages (entry points: name = class), found the same way.

A class is imported when it is asked for, never before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from precepts.errors import nearest


@dataclass(frozen=True)
class Plugins:
    """Plug-ins of one `kind` ("grader"): the `builtin` ones as `module:Class` by name, others in the entry-point
    `group`."""

    kind: str
    group: str
    builtin: Mapping[str, str]

    def names(self) -> list[str]:
        """The names of all at hand."""
        return sorted({*self.builtin, *(each.name for each in entry_points(group=self.group))})

    def find(self, name: str) -> Any:
        """The class of this name. Raises ValueError, with the nearest right name, where there is none, and where
        another package's cannot be imported."""
        if name in self.builtin:
            module, _, attribute = self.builtin[name].partition(":")
            return getattr(__import__(module, fromlist=[attribute]), attribute)
        outside = {each.name: each for each in entry_points(group=self.group)}
        if name not in outside:
            raise ValueError(f"'{name}' is no {self.kind}; {nearest(name, self.names())}")
        try:
            return outside[name].load()
        except Exception as error:  # another package's code may fail in any way
            raise ValueError(f"the {self.kind} '{name}' ({outside[name].value}) cannot be imported: {error}") from None
