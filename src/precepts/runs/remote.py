"""Run folders on shared storage: a copy on this machine, kept in step with any place that fsspec knows (s3://, gs://).

1. A run works in its copy. What is new there is sent every few seconds by a thread, and at the end: no stage knows of
   storage, a slow network delays none, and a machine that is lost costs what it did since the last sending.
2. What is there is never ahead of itself: marks (a stage's state, a checkpoint's mark) are read before all else is
   listed and sent after it, so whatever they tell of is there. Removals begin with the marks that tell of them.
3. The storage is the truth. Where another machine has changed something since, all of it replaces the copy; where none
   has, what only the copy has (its process was killed) stays and is sent.
4. One writer: the object `.lock` says who writes. It is renewed by a thread of its own; one that was not for `STALE`
   seconds was left by a machine that died. A writer that finds another's lock in its place sends no more. Object
   stores have no real locks: two machines that begin within the same second may both go on until the next renewal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from precepts.errors import InputError
from precepts.runs.cache import cache_folder
from precepts.runs.lock import locked
from precepts.runs.storage import Store, repeated

EVERY = 10.0  # seconds from one sending to the next
_BUSY = ".busy"


@contextmanager
def run_at(place: str, *, write: bool = False, models: bool = False, new: bool = False) -> Iterator[Path]:
    """The folder of a run: `place` itself, or for a URL its copy, brought up to date. What is done to it is sent where
    `write`; its `models` come along where they are wanted; it may be `new`, with nothing there yet. Raises InputError
    for a place that cannot be used, and RunError where something cannot be read or sent (what is finished is then kept
    in the copy)."""
    folder = local(place)
    if not is_remote(place):
        yield folder
        return
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(place, folder)
    if not write:
        with suppress(InputError), locked(store.copy, _BUSY):  # held: a run is at work here, and its copy is the newest
            store.fetch(models=models)
        if not new and not (store.copy / "recipe.yaml").is_file():
            raise InputError(f"{place}: this is no run (it has no recipe.yaml)")
        yield store.copy
        return
    with locked(store.copy, _BUSY), store.held():
        store.fetch(models=True)
        with _sending(store):
            yield store.copy


def is_remote(place: str) -> bool:
    """Whether a place is a URL."""
    return "://" in place


def local(place: str) -> Path:
    """The folder on this machine of a run at `place`: for a URL that of its copy, which may not be there yet."""
    if not is_remote(place):
        return Path(place)
    name = f"{PurePosixPath(place).name}-{hashlib.sha256(place.rstrip('/').encode()).hexdigest()[:12]}"
    return cache_folder() / "runs" / name


@contextmanager
def _sending(store: Store) -> Iterator[None]:
    """Send every few seconds, and once more at the end, however it ends."""
    try:
        with repeated(store.send, EVERY):
            yield
    except BaseException:
        with suppress(Exception):  # what ended the work is what is told
            store.send()
        raise
    store.send()
