"""Two versions of a constitution: which principles were added, removed, reworded, reweighted, and what else differs.

1. A principle is the same one where its id is. One that was removed under one id and added with the same requests under
   another was renamed, and what else changed of it is told as of any other.
2. What has a hash is compared whole: the principles with their order, and the demonstrations one by one. The licence
   and the description have none and are compared too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from precepts.constitution.schema import Constitution, Demonstrations, Principle, Source
from precepts.identity import canonical_json
from precepts.settings import Settings

_REQUESTS = ("critique_request", "revision_request", "comparison_request")
_COMPARED = ("title", *_REQUESTS, "tags")


@dataclass(frozen=True)
class Reworded:
    """A field of a principle, or of what else is named `id`, that reads otherwise; "" where there was, or is, none."""

    id: str
    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """What is different. Of the principles: ids, (old id, new id), fields, (id, weight before, weight after), and the
    ids of those that stand elsewhere among the others. `demonstrations` are named by their place, without a field where
    a whole one came or went; `about` is the licence and the description."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    reworded: tuple[Reworded, ...] = ()
    reweighted: tuple[tuple[str, float, float], ...] = ()
    reordered: tuple[str, ...] = ()
    demonstrations: tuple[Reworded, ...] = ()
    about: tuple[Reworded, ...] = ()

    @property
    def principles(self) -> bool:
        """Whether any principle differs, or their order."""
        moved = self.reweighted or self.reordered
        return bool(self.added or self.removed or self.renamed or self.reworded or moved)

    def __bool__(self) -> bool:
        return self.principles or bool(self.demonstrations or self.about)


def compare(before: Constitution, after: Constitution) -> Changes:
    """What changed from one constitution to the other."""
    old, new = ({each.id: each for each in one.principles} for one in (before, after))
    renamed = dict(_renamed([old[name] for name in old if name not in new], [new[n] for n in new if n not in old]))
    kept = [(each, new[renamed.get(name, name)]) for name, each in old.items() if name in new or name in renamed]
    names = [each.id for _, each in kept]
    return Changes(
        added=tuple(name for name in new if name not in names),
        removed=tuple(name for name in old if name not in new and name not in renamed),
        renamed=tuple(renamed.items()),
        reworded=tuple(each for pair in kept for each in _reworded(*pair)),
        reweighted=tuple((b.id, a.weight, b.weight) for a, b in kept if a.weight != b.weight),
        reordered=tuple(_moved(names, [name for name in new if name in names])),
        demonstrations=tuple(_shown(before.demonstrations, after.demonstrations)),
        about=tuple(_differing("constitution", before, after, ("licence", "description"))),
    )


def _renamed(gone: Sequence[Principle], come: Sequence[Principle]) -> Iterator[tuple[str, str]]:
    """Each that went with one that came and asks the same, every one once."""
    left = list(come)
    for one in gone:
        for other in left:
            if all(getattr(one, name) == getattr(other, name) for name in _REQUESTS):
                left.remove(other)
                yield one.id, other.id
                break


def _reworded(one: Principle, other: Principle) -> Iterator[Reworded]:
    yield from _differing(other.id, one, other, _COMPARED)
    for each in _differing(other.id, one.source, other.source, tuple(Source.model_fields)):
        yield Reworded(each.id, f"source.{each.field}", each.before, each.after)


def _differing(name: str, one: Any, other: Any, fields: Sequence[str]) -> Iterator[Reworded]:
    for field in fields:
        before, after = getattr(one, field), getattr(other, field)
        if before != after:
            yield Reworded(name, field, _text(before), _text(after))


def _moved(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Those of the same names that stand elsewhere; worked: a b c and c a b give c."""
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    stayed = {name for block in blocks for name in before[block.a : block.a + block.size]}
    return (name for name in after if name not in stayed)


def _shown(before: Demonstrations, after: Demonstrations) -> Iterator[Reworded]:
    for kind in Demonstrations.model_fields:
        one, other = getattr(before, kind), getattr(after, kind)
        matcher = SequenceMatcher(None, _keys(one), _keys(other), autojunk=False)
        for tag, i, i_end, j, j_end in matcher.get_opcodes():
            if tag != "equal":
                yield from _replaced(kind, one[i:i_end], i, other[j:j_end], j)


def _replaced(kind: str, gone: Sequence[Any], i: int, come: Sequence[Any], j: int) -> Iterator[Reworded]:
    """Demonstrations in the place of others: with the same prompt a changed one, else one that went or came."""
    left = dict(enumerate(gone))
    for place, other in enumerate(come):
        asked = getattr(other, "prompt", None)
        same = next((at for at, one in left.items() if asked and one.prompt == asked), None)
        if same is None:
            yield Reworded(f"{kind}[{j + place}]", "", "", _text(other))
        else:
            yield from _differing(f"{kind}[{j + place}]", left.pop(same), other, tuple(type(other).model_fields))
    for place, one in left.items():
        yield Reworded(f"{kind}[{i + place}]", "", _text(one), "")


def _keys(shown: Sequence[Any]) -> list[str]:
    return [each if isinstance(each, str) else canonical_json(each.model_dump(mode="json")) for each in shown]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, Settings):
        return " / ".join(text for _, each in value if (text := _text(each)))
    return str(value)
