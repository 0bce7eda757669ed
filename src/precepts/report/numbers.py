"""Figures as words: a value with its interval, the same way everywhere in the report.

Shares are in [0, 1] and print as percentages, differences of shares as percentage points. What is nan prints as a
dash. Spaces inside a figure do not break; minus is a true minus sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from precepts.evals.statistics import Estimate

DASH = "–"
_NB = "\u00a0"


@dataclass(frozen=True)
class Cell:
    """A figure in a table: its value, its interval ("" where there is none) and its count."""

    value: str
    interval: str
    n: str


def percent(value: float) -> str:
    """`0.428` as `43 %`."""
    return DASH if isnan(value) else f"{value * 100:.0f}{_NB}%"


def decimal(value: float, digits: int = 2, sign: bool = False) -> str:
    """`-0.4` as `−0.40`, with `sign` also `+0.40`."""
    if isnan(value):
        return DASH
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    zero = f"{0:.{digits}f}"
    return zero if text.lstrip("+-") == zero else text.replace("-", "−")


def whole(value: int) -> str:
    """`12345` as `12 345`."""
    return f"{value:,}".replace(",", "\u202f")


def share_words(estimate: Estimate) -> str:
    """`43 % (28 to 59 %)`; the dash and `n = 0` with nothing to count."""
    if not estimate.n:
        return f"{DASH} (n = 0)"
    if isnan(estimate.low):
        return f"{percent(estimate.value)} (n = {estimate.n}, too few for an interval)"
    return f"{percent(estimate.value)} ({estimate.low * 100:.0f} to {percent(estimate.high)})"


def mean_words(estimate: Estimate, digits: int = 2, sign: bool = False) -> str:
    """`0.42 (0.10 to 0.71)`."""
    if not estimate.n:
        return f"{DASH} (n = 0)"
    if isnan(estimate.low):
        return f"{decimal(estimate.value, digits, sign)} (n = {estimate.n}, too few for an interval)"
    low, high = (decimal(end, digits, sign) for end in (estimate.low, estimate.high))
    return f"{decimal(estimate.value, digits, sign)} ({low} to {high})"


def share_cell(estimate: Estimate) -> Cell:
    """A share for a table."""
    ends = "" if isnan(estimate.low) else f"{estimate.low * 100:.0f}{_NB}to{_NB}{percent(estimate.high)}"
    return Cell(percent(estimate.value), ends, f"n = {estimate.n}")


def points_cell(estimate: Estimate) -> Cell:
    """A difference of shares for a table, in percentage points."""
    points = Estimate(estimate.value * 100, estimate.low * 100, estimate.high * 100, estimate.n)
    cell = mean_cell(points, digits=0, sign=True)
    return cell if cell.value == DASH else Cell(f"{cell.value}{_NB}pt", cell.interval, cell.n)


def mean_cell(estimate: Estimate, digits: int = 2, sign: bool = False) -> Cell:
    """A mean, or a difference of means, for a table."""
    low, high = (decimal(end, digits, sign) for end in (estimate.low, estimate.high))
    ends = "" if isnan(estimate.low) else f"{low}{_NB}to{_NB}{high}"
    return Cell(decimal(estimate.value, digits, sign), ends, f"n = {estimate.n}")


def established(estimate: Estimate) -> bool:
    """Is the whole interval on one side of zero? No interval establishes nothing."""
    return estimate.low > 0 or estimate.high < 0


def counted(count: int, noun: str) -> str:
    """`1 prompt`, `2 prompts`."""
    return f"{whole(count)} {noun}{'' if count == 1 else 's'}"


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def source_name(source: str) -> str:
    """What a source of comparisons is called on a page."""
    names = {
        "helpful": "human helpfulness comparisons",
        "harmless": "human harmlessness comparisons",
        "ai": "AI labels",
    }
    return names.get(source, source)


def short_source(source: str) -> str:
    """The same in two words, for a picture."""
    names = {"helpful": "human, helpful", "harmless": "human, harmless", "ai": "AI labels"}
    return names.get(source, source)


def capital(text: str) -> str:
    """`text` with its first letter as a capital."""
    return text[:1].upper() + text[1:]
