"""Progress with a time left: a live line on a terminal, a plain line now and then elsewhere.

1. One task at a time: a title, a count of units, how many are done. The time left is the mean time of the units
   done in this session times those left (units found done on resume do not count).
2. On a terminal the line is redrawn in place (Rich); elsewhere (a log, CI) one line is printed at most every
   `EVERY` seconds, so that a log stays readable.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from precepts.texts import visible

EVERY = 10.0


class Task(Protocol):
    """What a stage tells of its progress."""

    def advance(self, units: int = 1, note: str = "") -> None: ...


def clock(seconds: float) -> str:
    """`75` as `1:15`, `3725` as `1:02:05`."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Line:
    """The state of one task and the sentence about it."""

    def __init__(self, title: str, total: int, done: int, unit: str) -> None:
        self.title, self.total, self.done, self.unit = title, total, done, unit
        self.began_with, self.began, self.note = done, time.monotonic(), ""

    def text(self) -> str:
        elapsed = time.monotonic() - self.began
        here = self.done - self.began_with
        rest = self.total - self.done
        measured = f"{clock(elapsed / here * rest)} left" if here else "time left: measuring"
        left = measured if rest > 0 else "nothing left"
        note = f"  {self.note}" if self.note else ""
        return visible(f"{self.title}  {self.done}/{self.total} {self.unit}  {clock(elapsed)} elapsed, {left}{note}")


class Progress:
    """Shows the tasks of a run, one after another, on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live = not quiet and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Print one line between tasks."""
        if not self.quiet:
            print(visible(text), file=sys.stderr, flush=True)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0, unit: str = "chunks") -> Iterator[Task]:
        """Show a task of `total` units of which `done` were found done."""
        line = _Line(title, total, done, unit)
        if self.live:
            with _live_task(line) as task:
                yield task
        else:
            yield _PlainTask(line, self)
        here, elapsed = line.done - line.began_with, time.monotonic() - line.began
        if here:
            self.say(f"  {title}  {line.done}/{line.total} {unit}  took {clock(elapsed)}")


class _PlainTask:
    def __init__(self, line: _Line, progress: Progress) -> None:
        self.line, self.progress, self.last = line, progress, time.monotonic()
        progress.say(f"  {line.text()}")

    def advance(self, units: int = 1, note: str = "") -> None:
        self.line.done += units
        self.line.note = note
        if time.monotonic() - self.last >= EVERY and self.line.done < self.line.total:
            self.last = time.monotonic()
            self.progress.say(f"  {self.line.text()}")


class _LiveTask:
    def __init__(self, line: _Line) -> None:
        self.line = line

    def advance(self, units: int = 1, note: str = "") -> None:
        self.line.done += units
        self.line.note = note

    def __rich__(self) -> object:
        from rich.columns import Columns
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        bar = ProgressBar(total=max(1, self.line.total), completed=self.line.done, width=24)
        return Columns([bar, Text(self.line.text(), overflow="ellipsis", no_wrap=True)])


@contextmanager
def _live_task(line: _Line) -> Iterator[Task]:
    from rich.console import Console
    from rich.live import Live

    task = _LiveTask(line)
    with Live(task, console=Console(stderr=True), refresh_per_second=4, transient=True):  # type: ignore[arg-type]
        yield task
