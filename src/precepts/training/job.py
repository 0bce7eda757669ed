"""One of the processes that train a model together: `python -m precepts.training.job FOLDER`.

1. Started by `accelerate launch`, once a process; `launch.py` writes the folder, and reads what comes of it.
2. The first process (RANK 0) alone tells its progress, as lines of JSON on standard output, and keeps the result.
3. What a user gave that cannot be used is told as such; everything else that goes wrong is a traceback.
How it departs from the paper: as `launch.py` does.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from precepts.errors import InputError
from precepts.training.launch import TOLD, read_job, train_here, write_result


class _Lines:
    """A task that is told as lines; where nobody reads them any more, writing one fails and so ends the training."""

    def advance(self, units: int = 1, note: str = "") -> None:
        for _ in range(units):
            _tell("step", note=note)


@contextmanager
def _telling(total: int, done: int) -> Iterator[_Lines]:
    _tell("begin", total=total, done=done)
    yield _Lines()


def _tell(what: str, **more: Any) -> None:
    if os.environ.get("RANK", "0") == "0":
        print(json.dumps({TOLD: what, **more}), flush=True)


def main(folder: Path) -> None:
    """Train what the folder says, with the other processes."""
    job = read_job(folder)
    try:
        steps, tokens = train_here(job, _telling)
    except InputError as error:
        _tell("refused", message=str(error))
        raise SystemExit(error.exit_status) from None
    if os.environ.get("RANK", "0") == "0":
        write_result(folder, steps, tokens)
    _leave()


def _leave() -> None:
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
