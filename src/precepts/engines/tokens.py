"""Given answers in tokens: what they share, how they differ, and what must be asked to know how likely they are.

1. What all answers to one prompt share is read once with the prompt (`stem`); their endings differ (`tails`). They are
   scored from `start`, where the first of them leaves the prompt; a token that spans the prompt's end is scored whole.
2. A server that only writes can still say how likely a given token is: it is asked to write one token and allowed
   that one alone (`Probe`); the log-probability it reports is the model's own. Short answers are scored so, because a
   prompt's beginning that the server has read before is then not read again; long ones by reading them (`Line`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from precepts.engines.base import ChoiceRequest, GenerateRequest

Probe = tuple[tuple[int, ...], int]  # (tokens so far, the next one)
Line = tuple[tuple[int, ...], int]  # (tokens, the place of the first that is scored)
Request = GenerateRequest | ChoiceRequest
SHORT = 4  # tokens of an answer that are worth a probe each


@dataclass(frozen=True)
class Choice:
    """A choice in tokens: `stem` is what all answers share (the prompt and more), scored from `start` on; `tails`
    are the different endings, each at least one token long."""

    start: int
    stem: list[int]
    tails: list[list[int]]

    @property
    def length(self) -> int:
        """Tokens of the longest row."""
        return len(self.stem) + max(len(tail) for tail in self.tails)

    @property
    def rows(self) -> list[tuple[int, ...]]:
        """Each answer after the prompt, whole."""
        return [(*self.stem, *tail) for tail in self.tails]

    @property
    def short(self) -> bool:
        """Whether every answer has few enough tokens to be probed."""
        return self.length - self.start <= SHORT


def choice_of(prompt: Sequence[int], rows: Sequence[Sequence[int]]) -> Choice:
    """The choice between `rows`, each the tokens of the prompt with one answer."""
    stem = min(common(rows), min(len(row) for row in rows) - 1)
    start = min(stem, *(common([prompt, row]) for row in rows))
    return Choice(start, list(rows[0][:stem]), [list(row[stem:]) for row in rows])


def common(rows: Sequence[Sequence[int]]) -> int:
    """The length of the longest prefix that all rows share."""
    low, high = min(map(list, rows)), max(map(list, rows))
    return next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))


def score_choices(
    choices: Sequence[Choice],
    probe: Callable[[Sequence[Probe]], Sequence[float]],
    read: Callable[[Sequence[Line]], Sequence[float]],
) -> list[list[float]]:
    """The log-probability of each answer of each choice: by one call of `probe`, which gives one for each probe, and
    one of `read`, which gives the sum over each line's scored tokens. A choice that begins with nothing is nan."""
    wanted = {p: 0.0 for c in choices if c.start and c.short for row in c.rows for p in _probes(c, row)}
    lines = {(row, c.start): 0.0 for c in choices if c.start and not c.short for row in c.rows}
    followed = dict(zip(wanted, probe(list(wanted)) if wanted else (), strict=True))
    summed = dict(zip(lines, read(list(lines)) if lines else (), strict=True))
    return [[_logprob(c, row, followed, summed) for row in c.rows] for c in choices]


def _logprob(c: Choice, row: tuple[int, ...], followed: Mapping[Probe, float], summed: Mapping[Line, float]) -> float:
    if not c.start:
        return float("nan")
    return sum(followed[p] for p in _probes(c, row)) if c.short else summed[row, c.start]


def _probes(choice: Choice, row: tuple[int, ...]) -> list[Probe]:
    return [(row[:n], row[n]) for n in range(choice.start, len(row))]
