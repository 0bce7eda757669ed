"""`precepts`, killed (SIGKILL) at chosen moments of its work on the run folder: a driver for test_kill.py.

    python kill_at.py LOG FOLDER all|nothing N:before N:after ... -- run RECIPE --run FOLDER

1. The moments are the calls that put things into place or take them away (`WATCHED`), where they concern FOLDER, and
   every fsync. Each `N:when` is one start of the command, killed right before or right after call number N of that
   start; a last start runs to its end.
2. Each start is a fork of this process, which may have loaded all libraries but has done nothing with them: a start
   costs no imports, so kills can be many and land in the work.
3. LOG gets a line for each start: the number of its calls, or `killed`. The exit status is the last start's.
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
    """Counts calls, and kills this process right before or after number `fatal`."""

    def __init__(self, folder: str, fatal: int = 0, when: str = "") -> None:
        self.folder, self.fatal, self.when, self.count = os.path.realpath(folder), fatal, when, 0

    def wrap(self, name: str) -> None:
        """Put a counting function in the place of `os.NAME`."""
        plain: Callable[..., Any] = getattr(os, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            if name != "fsync" and not self.inside(args[0], kwargs.get("dir_fd")):
                return plain(*args, **kwargs)
            self.count += 1
            self.die("before")
            try:
                return plain(*args, **kwargs)
            finally:
                self.die("after")

        setattr(os, name, counting)

    def inside(self, path: Any, dir_fd: int | None) -> bool:
        """Whether a call is about the run folder; `dir_fd` is how shutil.rmtree names the folder it is in."""
        base = os.path.realpath("." if dir_fd is None else f"/proc/self/fd/{dir_fd}")
        return str(Path(base, path)).startswith(self.folder)

    def die(self, when: str) -> None:
        """End as `kill -9` does, if this is the moment."""
        if (self.count, when) == (self.fatal, self.when):
            os.kill(os.getpid(), signal.SIGKILL)


def start(watch: Watch, arguments: list[str], log: Path) -> int:
    """Run the command in a fork, and log how it went; returns its exit status, negative where it was killed."""
    child = os.fork()
    if child == 0:
        status = work(watch, arguments)
        note(log, str(watch.count))
        sys.stderr.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == -signal.SIGKILL:
        note(log, "killed")
    return status


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


def note(log: Path, line: str) -> None:
    with log.open("a") as file:
        print(line, file=file)


def load() -> None:
    """What the command would otherwise load piece by piece."""
    import precepts.report
    import precepts.training.policy
    import precepts.training.preference_model
    import precepts.training.scores
    import precepts.training.sft  # noqa: F401


def drive() -> int:
    """All starts, one after another; returns the exit status."""
    divide = sys.argv.index("--")
    log, folder, libraries, *moments = sys.argv[1:divide]
    if libraries == "all":
        load()
    kills = [(int(number), when) for number, _, when in (moment.partition(":") for moment in moments)]
    for watch in [*(Watch(folder, *kill) for kill in kills), Watch(folder)]:
        status = start(watch, sys.argv[divide + 1 :], Path(log))
        if status > 0:
            break
    return status


if __name__ == "__main__":
    sys.exit(drive())
