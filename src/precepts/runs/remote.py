"""Run folders on shared storage: a copy on this machine, kept in step with any place that fsspec knows (s3://, gs://).

1. A run works in its copy. What is new there is sent every few seconds by a thread, and at the end: no stage knows of
   storage, a slow network delays none, and a machine that is lost costs what it did since the last sending.
2. What is there is never ahead of itself: marks (a stage's state, a checkpoint's mark) are read before all else is
   listed and sent after it, so whatever they tell of is there. Removals begin with the marks.
3. The storage is the truth. Where another machine has changed something since, all of it replaces the copy; where none
   has, what only the copy has (its process was killed) stays and is sent.
4. One writer: the object `.lock` says who writes, and is renewed with every sending; one that was not for `STALE`
   seconds was left by a machine that died. Object stores have no locks: two machines that begin within the same
   second both go on.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from precepts.errors import InputError, RunError
from precepts.runs.lock import locked
from precepts.runs.shards import write_whole

EVERY = 10.0  # seconds from one sending to the next
STALE = 120.0  # seconds
CACHE = "PRECEPTS_CACHE"
LOCK = ".lock"
_KNOWN, _BUSY = ".known.json", ".busy"
_MARKS = ("recipe.yaml", "complete", "stage.json")  # in the order of sending
_HEAVY = ("models", "scratch")  # folders that reading a run does not need
_IDENTITY = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created")


@contextmanager
def run_at(place: str, *, write: bool = False, models: bool = False) -> Iterator[Path]:
    """The folder of a run: `place` itself, or for a URL its copy, brought up to date. What is done to it is sent where
    `write`; its `models` come along where they are wanted. Raises InputError for a place that cannot be used, and
    RunError where something cannot be read or sent (what is finished is then kept in the copy)."""
    folder = local(place)
    if not is_remote(place):
        yield folder
        return
    folder.mkdir(parents=True, exist_ok=True)
    store = _Store(place, folder)
    if not write:
        with suppress(InputError), locked(store.copy, _BUSY):  # held: a run is at work here, and its copy is the newest
            store.fetch(models=models)
        if not (store.copy / "recipe.yaml").is_file():
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
    root = os.environ.get(CACHE) or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "precepts"
    name = f"{PurePosixPath(place).name}-{hashlib.sha256(place.rstrip('/').encode()).hexdigest()[:12]}"
    return Path(root) / "runs" / name


@contextmanager
def _sending(store: _Store) -> Iterator[None]:
    """Send every few seconds, and once more at the end, however it ends."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(EVERY):
            with suppress(RunError):  # said at the end, if it still cannot be sent then
                store.send()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        store.send()


class _Store:
    """A place of fsspec's and its copy. `known` is what both had when they were last in step: for each path the copy's
    size and time and the object's identity."""

    def __init__(self, url: str, copy: Path) -> None:
        from fsspec.core import url_to_fs

        try:
            self.fs, root = url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            raise InputError(f"{url}: {error}") from None
        except ValueError as error:
            raise InputError(f"{url}: this is no place that can be written to ({error})") from None
        self.url, self.root, self.copy = url, str(root).rstrip("/"), copy
        self.known: dict[str, list[Any]] = _read(copy / _KNOWN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one writer. Raises InputError where another is."""
        holder = self._done("read", self._holder)
        if holder and holder["by"] != _self() and time.time() - holder["at"] < STALE:
            raise InputError(
                f"{self.url}: this run is in use by {holder['by']}; wait for it, stop it, or choose another --run "
                f"(where it was killed: wait {STALE:.0f} seconds)"
            )
        self._done("written", self._hold)
        try:
            yield
        finally:
            with suppress(Exception):  # it grows stale by itself
                self.fs.rm_file(self._path(LOCK))

    def fetch(self, *, models: bool) -> None:
        """Bring the copy up to date."""
        there = self._done("read", self._listing)
        seen = {path: known[1] for path, known in self.known.items()}
        news = [path for path in {*there, *seen} if there.get(path) != seen.get(path) and not _heavy(path)]
        changed = [path for path in seen if there.get(path) != seen[path]]
        if self.known and (news or changed):
            for path in self._files():
                (self.copy / path).unlink()
            self.known = {}
        wanted = [path for path in there if path not in self.known and (models or not _heavy(path))]
        for path in sorted(wanted, key=_rank):
            self._done("read", self._get, path, there[path])
        self._remember()

    def send(self) -> None:
        """Make the storage equal to the copy."""
        read = {path: _content(self.copy / path) for path in self._files() if _rank(path)}
        marks = {path: content for path, content in read.items() if content is not None}
        there = self._files()
        gone = sorted((path for path in self.known if path not in there), key=_rank, reverse=True)
        new = [path for path, stamp in there.items() if self.known.get(path, [None])[0] != stamp and not _rank(path)]
        self._done("written", self._hold)
        for path in gone:
            self._done("written", self._remove, path)
        for path in sorted(new):
            self._done("written", self._put, path, there[path])
        for path in sorted(marks, key=_rank):
            stamp = there.get(path)
            if stamp and self.known.get(path, [None])[0] != stamp and _content(self.copy / path) == marks[path]:
                self._done("written", self._put, path, stamp, marks[path])
        self._remember()

    def _get(self, path: str, identity: str) -> None:
        target = self.copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        self.fs.get_file(self._path(path), str(beside))
        beside.replace(target)
        self.known[path] = [_stamp(target), identity]

    def _put(self, path: str, stamp: list[int], content: bytes | None = None) -> None:
        self.fs.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)
        if content is not None:
            self.fs.pipe_file(self._path(path), content)
        elif (self.copy / path).exists():
            self.fs.put_file(str(self.copy / path), self._path(path))
        else:
            return  # removed meanwhile: the next sending tells
        self.known[path] = [stamp, _identity(self.fs.info(self._path(path)))]

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self.fs.rm_file(self._path(path))
        self.known.pop(path)

    def _hold(self) -> None:
        self.fs.makedirs(self.root, exist_ok=True)
        self.fs.pipe_file(self._path(LOCK), json.dumps({"by": _self(), "at": time.time()}).encode())

    def _holder(self) -> Any:
        try:
            held = json.loads(self.fs.cat_file(self._path(LOCK)))
            return held if isinstance(held, dict) and {"by", "at"} <= held.keys() else None
        except (FileNotFoundError, ValueError):
            return None

    def _listing(self) -> dict[str, str]:
        """What is there: each path's identity."""
        try:
            found = self.fs.find(self.root, detail=True)
        except FileNotFoundError:
            return {}
        named = {self._relative(name): info for name, info in found.items() if info.get("type") != "directory"}
        return {path: _identity(info) for path, info in named.items() if not _hidden(path) and _stays_inside(path)}

    def _files(self) -> dict[str, list[int]]:
        """The copy's files with their sizes and times, without what is half written."""
        found = {}
        for folder, _, names in os.walk(self.copy):
            for name in names:
                path = (Path(folder) / name).relative_to(self.copy).as_posix()
                with suppress(FileNotFoundError):
                    if not _hidden(path):
                        found[path] = _stamp(Path(folder) / name)
        return found

    def _remember(self) -> None:
        write_whole(self.copy / _KNOWN, json.dumps(self.known).encode())

    def _path(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _relative(self, name: str) -> str:
        return name.removeprefix("/").removeprefix(self.root.removeprefix("/")).removeprefix("/")

    def _done(self, what: str, call: Callable[..., Any], *given: Any) -> Any:
        """`call`, with whatever a storage's client raises told as one RunError."""
        try:
            return call(*given)
        except InputError:
            raise
        except Exception as error:
            kept = f"; what is finished is kept in {self.copy}: run the same command again" if what == "written" else ""
            raise RunError(f"{self.url}: cannot be {what} ({type(error).__name__}: {error}){kept}") from None


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _content(path: Path) -> bytes | None:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return None


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _identity(info: dict[str, Any]) -> str:
    """What tells an object from another of the same name: its hash, or when it was written."""
    told = next((info[key] for key in _IDENTITY if info.get(key)), "")
    return f"{info.get('size')} {told.timestamp() if isinstance(told, datetime) else told}"


def _rank(path: str) -> int:
    """0 for what is sent first, more for a mark."""
    name = PurePosixPath(path).name
    return _MARKS.index(name) + 1 if name in _MARKS else 0


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(path).parts)


def _heavy(path: str) -> bool:
    return any(part in _HEAVY for part in PurePosixPath(path).parts[:-1])


def _stays_inside(path: str) -> bool:
    return ".." not in PurePosixPath(path).parts and not PurePosixPath(path).is_absolute()


def _self() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
