"""Two runs' labels of the same pairs: which differ, and under which principles each was made.

1. A pair is the same where its conversation and both responses are, whatever order they stand in.
2. A label differs where its probability moved by `LEAST` or more, and where it moved to the other side of one half,
   however little: then the other response is preferred.
"""

from __future__ import annotations

from dataclasses import dataclass

from precepts.errors import InputError
from precepts.identity import content_hash
from precepts.records import AIPreference
from precepts.runs.folder import Run
from precepts.runs.sharing import arms_of

LEAST = 0.05  # of probability, to count as changed


@dataclass(frozen=True)
class ChangedLabel:
    """A label of the later run with the probability that its first response is better, before and after; `flipped`
    where another response is preferred."""

    id: str
    before: float
    after: float
    flipped: bool
    principles_before: tuple[str, ...]
    principles_after: tuple[str, ...]


@dataclass(frozen=True)
class ComparedLabels:
    """The labels that differ, those that prefer the other response first, then the greatest change first; how many are
    the `same`, how many pairs only one run has, and how many have no label in one of the two."""

    changed: list[ChangedLabel]
    same: int
    only_before: int
    only_after: int
    unlabelled: int

    @property
    def flipped(self) -> int:
        """How many prefer the other response."""
        return sum(each.flipped for each in self.changed)


def compare_labels(one: Run, other: Run) -> ComparedLabels:
    """The labels of two runs beside each other. Raises InputError for a run that has none."""
    before, after = _labels(one), _labels(other)
    changed, same, unlabelled = [], 0, 0
    for pair, now in after.items():
        if pair not in before:
            continue
        then = before[pair]
        if now.p_first is None or then.p_first is None:
            unlabelled += 1
            continue
        was = then.p_first if then.first == now.first else 1 - then.p_first
        flipped = (was - 0.5) * (now.p_first - 0.5) < 0
        if flipped or abs(was - now.p_first) >= LEAST:
            changed.append(ChangedLabel(now.id, was, now.p_first, flipped, then.principles, now.principles))
        else:
            same += 1
    changed.sort(key=lambda each: (not each.flipped, -abs(each.after - each.before)))
    only_before, only_after = len(before.keys() - after.keys()), len(after.keys() - before.keys())
    return ComparedLabels(changed, same, only_before, only_after, unlabelled)


@dataclass(frozen=True, slots=True)
class _Label:
    id: str
    first: str
    p_first: float | None
    principles: tuple[str, ...]


def _labels(run: Run) -> dict[str, _Label]:
    """A run's labels by the pair that they are of."""
    if arms := arms_of(run.path):
        raise InputError(
            f"{run.path}: this run has arms; name one of their folders, as {next(iter(arms.values())).path}"
        )
    found = {
        _pair(each): _Label(each.id, content_hash(each.first), each.p_first, each.principles)
        for each in run.read("label", AIPreference)
    }
    if not found:
        raise InputError(
            f"{run.path}: this run has no labels; run its stage label first (precepts run ... --until label)"
        )
    return found


def _pair(label: AIPreference) -> str:
    return content_hash([label.prompt_id, *sorted((label.first, label.second))])
