"""Two runs' labels of the same pairs: which differ, and under which principles each was made.

A pair is the same where its conversation and both responses are, whatever order they stand in.
"""

from __future__ import annotations

from dataclasses import dataclass

from precepts.identity import content_hash
from precepts.records import AIPreference
from precepts.runs.folder import Run

LEAST = 0.05  # of probability, to count as changed


@dataclass(frozen=True)
class ChangedLabel:
    """A label of the later run with the probability that its first response is better, before and after."""

    id: str
    before: float
    after: float
    principles_before: tuple[str, ...]
    principles_after: tuple[str, ...]


def changed_labels(one: Run, other: Run) -> tuple[list[ChangedLabel], int]:
    """The labels that differ by `LEAST` or more, the greatest change first, and how many are the same. Pairs that only
    one run has, or has no label for, are left out."""
    before = {_pair(each): each for each in one.read("label", AIPreference) if each.p_first is not None}
    changes, same = [], 0
    for after in other.read("label", AIPreference):
        earlier = before.get(_pair(after))
        if after.p_first is None or earlier is None or earlier.p_first is None:
            continue
        was = earlier.p_first if earlier.first == after.first else 1 - earlier.p_first
        if abs(was - after.p_first) >= LEAST:
            changes.append(ChangedLabel(after.id, was, after.p_first, earlier.principles, after.principles))
        else:
            same += 1
    return sorted(changes, key=lambda each: -abs(each.after - each.before)), same


def _pair(label: AIPreference) -> str:
    return content_hash([label.prompt_id, *sorted((label.first, label.second))])
