"""Files that a command was asked to write: looked at before the work, and one message where one cannot be written.

A command that works long calls `check_places` first, so that a mistyped folder costs nothing. `writing` is around
every write: the folder may go, or the disk may refuse, while the command works.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from precepts.cli.terminal import say
from precepts.errors import InputError
from precepts.runs.shards import write_whole

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_places(*files: Path | None) -> None:
    """Raise InputError where one of these files could not be written."""
    for path in files:
        if path is None:
            continue
        with writing(path):
            folder = path.absolute().parent
            if path.is_dir():
                raise InputError(f"{path}: this is a folder; name a file in it")
            if not folder.is_dir():
                raise InputError(f"{path}: there is no folder {path.parent}; make it, or write elsewhere")
            if not os.access(folder, os.W_OK):
                raise InputError(f"{path}: nothing can be written in {path.parent}; write elsewhere")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes `path`. Raises InputError where it cannot be, but not for a full disk: nobody typed that."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise
        raise InputError(f"{path}: cannot be written ({error.strerror}); write elsewhere") from None


def put(text: str, output: Path | None) -> None:
    """Write a text to `output` and print where, or print the text."""
    if output is None:
        say(text.removesuffix("\n"))
        return
    check_places(output)
    with writing(output):
        write_whole(output, text.encode("utf-8", "replace"))
    say(output)
