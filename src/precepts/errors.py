"""What can go wrong, and what a person is told.

1. Bad input (a recipe, a file, a row, a name, a busy run folder) is an `InputError`: one message that names the
   place, says what is wrong and how to mend it. The command ends with exit status 2 and nothing was changed.
2. Trouble that is nobody's typing (a full disk, a crash) is a `RunError`: exit status 1. What was finished stays
   finished; the same command goes on from there.
3. A reply that cannot be used is neither: it is data with a reason, kept in the records (see `records.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PreceptsError(Exception):
    """Base of every error that Precepts raises on purpose; `exit_status` is what the command ends with."""

    exit_status = 1


class InputError(PreceptsError):
    """Something the user gave cannot be used. The message names the place and the mend."""

    exit_status = 2


class RunError(PreceptsError):
    """The run could not go on (full disk, crash); what it had finished is kept."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that helps with a mistyped `name`: the closest known one, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(names) if names else "none is known"
