"""How every command ends.

1. Exit status 0: done. 2: something given cannot be used (one message says what, where and the mend). 1: trouble that
   is nobody's typing (a full disk, a crash); what was finished is kept. 130: stopped by Ctrl-C.
2. Typer tells of words on the command line that it cannot use, and of its help; what ends a command once it has begun
   is told by `Command`.
3. A crash is one line; its traceback goes to RUN/crash.log, or into the working directory where there is no run.
"""

from __future__ import annotations

import shutil
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from typer.core import TyperCommand

from precepts.cli.terminal import say
from precepts.cli.writing import FULL
from precepts.errors import PreceptsError
from precepts.runs.remote import local

_ROOM = 64 * 1024  # bytes


class Command(TyperCommand):
    """A command of which every end is one message and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _end("stopped; what is finished is kept, the same command goes on from there", 130)
        except PreceptsError as error:
            _end(f"error: {error}", error.exit_status)
        except BrokenPipeError:
            raise  # nobody reads any more; typer ends quietly
        except Exception as error:
            run = ctx.params.get("run")
            folder = local(run) if run else None
            if _disk_full(error) or _no_room(folder):
                _end("error: no space left on the disk; free some and run the same command: it goes on from there", 1)
            _end(f"error: {_crash(error, folder)}", 1)


def _disk_full(error: BaseException | None) -> bool:
    while error is not None:
        if (isinstance(error, OSError) and error.errno in FULL) or "os error 28" in str(error):
            return True
        if "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _no_room(folder: Path | None) -> bool:
    """Whether a run's disk is full to the last: some writers tell of it in words of their own."""
    try:
        return folder is not None and shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return False


def _crash(error: Exception, run: Path | None) -> str:
    """One line about a crash; the traceback goes to a file beside the work, for a bug report."""
    summary = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    path = run / "crash.log" if run and (run / "recipe.yaml").is_file() else Path("precepts-crash.log")
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"this should not have happened: {summary}"
    return f"this should not have happened: {summary} (details in {path}); what is finished is kept"


def _end(message: str, status: int) -> NoReturn:
    say(message, error=True)
    sys.exit(status)
