"""Two versions of a constitution: which principles were added, removed, reworded, reweighted.

A principle is the same one where its id is. One that was removed under one id and added with the same requests under
another was renamed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from precepts.constitution.schema import Constitution, Principle

_COMPARED = ("title", "critique_request", "revision_request", "comparison_request", "tags", "source")


@dataclass(frozen=True)
class Reworded:
    """A field of a principle that reads otherwise."""

    id: str
    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """What is different: ids, (old id, new id), fields, and (id, weight before, weight after)."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    reworded: tuple[Reworded, ...]
    reweighted: tuple[tuple[str, float, float], ...]

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


def compare(before: Constitution, after: Constitution) -> Changes:
    """What changed from one constitution to the other."""
    old, new = ({each.id: each for each in one.principles} for one in (before, after))
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    renamed = tuple((one, other) for one in gone for other in come if _asks(old[one]) == _asks(new[other]))
    kept = [name for name in old if name in new]
    return Changes(
        added=tuple(name for name in come if name not in {other for _, other in renamed}),
        removed=tuple(name for name in gone if name not in {one for one, _ in renamed}),
        renamed=renamed,
        reworded=tuple(
            Reworded(name, field, _text(old[name], field), _text(new[name], field))
            for name in kept
            for field in _COMPARED
            if getattr(old[name], field) != getattr(new[name], field)
        ),
        reweighted=tuple(
            (name, old[name].weight, new[name].weight) for name in kept if old[name].weight != new[name].weight
        ),
    )


def _asks(principle: Principle) -> tuple[str, str, str]:
    return principle.critique_request, principle.revision_request, principle.comparison_request


def _text(principle: Principle, field: str) -> str:
    value = getattr(principle, field)
    if field == "tags":
        return ", ".join(value)
    if field == "source":
        return ", ".join(part for part in (value.work, value.section, value.url) if part)
    return str(value)
