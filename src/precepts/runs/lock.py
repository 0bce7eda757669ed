"""One writer to a run folder: an advisory lock that dies with its process.

The lock is the operating system's (flock on `RUN/.lock`, or on another `name`), so a killed run leaves none behind. The
file also holds who took it, for the message that a second writer gets.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from precepts.errors import InputError


@contextmanager
def locked(folder: Path, name: str = ".lock") -> Iterator[None]:
    """Hold the run folder. Raises InputError at once when another process holds it."""
    path = folder / name
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise InputError(
                f"{folder}: this run is in use by {holder}; wait for it, stop it, or choose another --run folder"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
