"""`precepts`, killed (SIGKILL) at chosen moments of its work on the run folder: a driver for test_kill.py.

    python kill_at.py COUNTS FOLDER N:before N:after ... -- run RECIPE --run FOLDER

1. The moments are the calls that put things into place or take them away (below), where they concern FOLDER, and
   every fsync. Each `N:when` is one start of the command, killed right before or right after call number N of that
   start; a last start runs to its end.
2. Each start is a fork of this process, which has loaded the libraries but done nothing with them: a start costs no
   imports, so that kills are many and land in the work.
3. COUNTS gets a line for each start: its calls, or `killed`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WATCHED = ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync")


class Watch:
    """Counts calls, and kills this process before or after number `fatal`."""

    def __init__(self, folder: Path, fatal: int = 0, when: str = "") -> None:
        self.folder, self.fatal, self.when, self.count = str(folder.resolve()), fatal, when, 0

    def wrap(self, name: str) -> None:
        """Put a counting function in the place of `os.NAME`."""
        plain: Callable[..., Any] = getattr(os, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            if name != "fsync" and not self.inside(args[0], kwargs.get("dir_fd")):
                return plain(*args, **kwargs)
            self.count += 1
            self.die("before")
            result = plain(*args, **kwargs)
            self.die("after")
            return result

        setattr(os, name, counting)

    def inside(self, path: Any, dir_fd: int | None) -> bool:
        """Whether a call is about the run folder."""
        base = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()  # noqa: PTH109, PTH115
        return os.path.join(base, os.fspath(path)).startswith(self.folder)  # noqa: PTH118

    def die(self, when: str) -> None:
        """End as `kill -9` does, if this is the moment."""
        if (self.count, when) == (self.fatal, self.when):
            os.kill(os.getpid(), signal.SIGKILL)


def start(watch: Watch, arguments: list[str]) -> str:
    """Run the command in a fork; returns its count of calls, or `killed`. Ends this process where the command fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = work(watch, arguments)
        os.write(writing, str(watch.count).encode())
        sys.stderr.flush()
        os._exit(status)
    os.close(writing)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status > 0:
        sys.exit(status)
    with os.fdopen(reading) as told:
        return told.read() or "killed"


def work(watch: Watch, arguments: list[str]) -> int:
    """Run the command here, watched; returns its exit status."""
    from precepts.cli.main import main

    for name in WATCHED:
        watch.wrap(name)
    sys.argv = ["precepts", *arguments]
    try:
        main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def load() -> None:
    """What the command would load piece by piece."""
    import peft  # noqa: F401
    import precepts.report
    import precepts.training.policy
    import precepts.training.preference_model
    import precepts.training.scores
    import precepts.training.sft  # noqa: F401


if __name__ == "__main__":
    divide = sys.argv.index("--")
    counts, folder, *moments = sys.argv[1:divide]
    if "--light" in moments:
        moments.remove("--light")
    else:
        load()
    watches = [Watch(Path(folder), int(n), when) for n, _, when in (moment.partition(":") for moment in moments)]
    for watch in [*watches, Watch(Path(folder))]:
        with Path(counts).open("a") as file:
            print(start(watch, sys.argv[divide + 1 :]), file=file)
