"""Which characters a text may hold, and how those are shown that it may not.

1. A file's text holds no control character but the line break and the tab, and no half of a character (a lone
   surrogate, which broken JSON escapes give): `refuse_unfit` says which and how to mend it.
2. A model's text may hold anything and is kept as it is. What is shown of it, on a page or a terminal, has a visible
   mark in place of what a reader's program would obey or could not write: `visible`.
"""

from __future__ import annotations

import re
from typing import Any

MARK = "\ufffd"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OBEYED = re.compile(rf"\r\n|\r|{CONTROL.pattern}")
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` with U+FFFD for each character that a terminal would obey, or that UTF-8 cannot hold.

    >>> visible("a\\x1b[2Jb\\r\\nc").encode("ascii", "backslashreplace")
    b'a\\\\ufffd[2Jb\\nc'
    """
    return _OBEYED.sub(lambda found: "\n" if found[0] == "\r\n" else MARK, text)


def escaped(json_text: str) -> str:
    """JSON text with such characters as escapes, so that a reader of it gets each back as it was."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


def refuse_unfit(value: Any) -> None:
    """Raise ValueError where a text, or one in a list or a mapping of texts, holds what a file's text may not."""
    if isinstance(value, str):
        if found := _UNFIT.search(value):
            raise ValueError(unfit(found[0]))
    elif isinstance(value, (list, dict)):
        for place, below in value.items() if isinstance(value, dict) else enumerate(value):
            try:
                refuse_unfit(place)
                refuse_unfit(below)
            except ValueError as error:
                raise ValueError(f"[{visible(str(place))}]: {error}") from None


def unfit(character: str) -> str:
    """What is to be said of a character that a file's text may not hold, and the mend.

    >>> unfit("\\x1b")
    'the character U+001B has no place in a text; take it out'
    """
    if "\ud800" <= character <= "\udfff":
        return f"U+{ord(character):04X} is half a character; write the whole one, or take it out"
    return f"the character U+{ord(character):04X} has no place in a text; take it out"
