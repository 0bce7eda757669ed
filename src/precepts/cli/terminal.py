"""What a command prints: nothing that a terminal would obey comes from a file or from a model.

Every command prints through here and nowhere else (a test looks): plain lines (`say`), lines and tables in colours
(`show`), JSON for machines (`say_json`). What a text may not hold is shown as a visible mark; in JSON it is escaped, so
that nothing is lost.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from precepts.texts import escaped, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult


def say(text: object = "", *, error: bool = False, end: str = "\n") -> None:
    """Print a text as it is, on standard error where it is an `error` or a note beside the output."""
    print(visible(str(text)), end=end, file=sys.stderr if error else sys.stdout, flush=error)


def show(shown: RenderableType = "", style: str = "") -> None:
    """Print a text or a table in colours, as wide as the terminal; a plain text is never read as markup."""
    from rich.console import Console
    from rich.text import Text

    Console().print(_Plain(Text(shown, style) if isinstance(shown, str) else shown))


def say_json(data: Any, indent: int = 1) -> None:
    """Print data for machines."""
    print(json_text(data, indent))


def json_text(data: Any, indent: int | None = None) -> str:
    """Data as JSON that any terminal shows and any reader gets back as it was."""
    return escaped(json.dumps(data, ensure_ascii=False, indent=indent, default=str))


class _Plain:
    """What is to be printed, with a mark for each character that a terminal would obey."""

    def __init__(self, shown: RenderableType) -> None:
        self.shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        for each in console.render(self.shown, options):
            yield each if each.control else Segment(visible(each.text), each.style)
