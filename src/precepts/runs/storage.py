"""A place of fsspec's beside a copy of it on this machine: fetched, sent, held by one writer (see `remote.py`)."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from precepts.errors import InputError, RunError
from precepts.runs.shards import write_whole

RENEWED = 30.0  # seconds from one renewal of the lock to the next
STALE = 120.0  # seconds
LOCK = ".lock"
_KNOWN, _TOKEN = ".known.json", ".token"
_MARKS = ("complete", "stage.json")  # in the order of sending
_HEAVY = ("models", "scratch")  # folders that reading a run does not need
_IDENTITY = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created")


@contextmanager
def repeated(call: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call again and again, in a thread; what fails is tried again."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(seconds):
            with suppress(Exception):
                call()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Store:
    """A place of fsspec's and its copy. `known` is what both had when they were last in step: for each path the copy's
    size and time and the object's identity (null while it is being sent)."""

    def __init__(self, url: str, copy: Path) -> None:
        from fsspec.core import url_to_fs

        try:
            self.fs, root = url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            raise InputError(f"{url}: {error}: pip install it beside precepts") from None
        except ValueError as error:
            raise InputError(f"{url}: this is no place that can be written to ({error})") from None
        self.url, self.root, self.copy = url, str(root).rstrip("/"), copy
        self.known: dict[str, list[Any]] = _read(copy / _KNOWN)
        self.by = f"process {os.getpid()} on {socket.gethostname()}"
        self.token = _token(copy / _TOKEN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one writer. Raises InputError where another is."""
        holder = self._done("read", self._holder)
        if holder and holder["token"] != self.token and time.time() - holder["at"] < STALE:
            raise InputError(
                f"{self.url}: this run is in use by {holder['by']}; wait for it, stop it, or choose another --run "
                f"(where it was killed: wait {STALE:.0f} seconds)"
            )
        self._done("written", self._hold)
        try:
            with repeated(self._renew, RENEWED):
                yield
        finally:
            with suppress(Exception):  # it grows stale by itself
                if (found := self._holder()) and found["token"] == self.token:
                    self.fs.rm_file(self._path(LOCK))

    def fetch(self, *, models: bool) -> None:
        """Bring the copy up to date."""
        there = self._done("read", self._listing)
        if there and "recipe.yaml" not in there:
            raise InputError(f"{self.url}: other files are there and it is no run (no recipe.yaml); give a new place")
        self._settle(there)
        changed = [path for path, known in self.known.items() if there.get(path) != known[1]]
        unknown = [path for path in there if path not in self.known and not _heavy(path)]
        if self.known and (changed or unknown):
            for path in self._files():
                (self.copy / path).unlink()
        self.known = {path: known for path, known in self.known.items() if (self.copy / path).exists()}
        wanted = [path for path in there if path not in self.known and (models or not _heavy(path))]
        for path in sorted(wanted, key=_rank):
            self._done("read", self._get, path, there[path])
        self._remember()

    def _settle(self, there: dict[str, str]) -> None:
        """What was being sent when a process ended: an object of that path is this copy's own, whole or old, and is to
        be sent again."""
        for path in [path for path, known in self.known.items() if known[1] is None]:
            if path in there:
                self.known[path] = [None, there[path]]
            else:
                self.known.pop(path)

    def send(self) -> None:
        """Make the storage equal to the copy. Raises RunError where another writes to it by now."""
        marks = {path: (stamp, _content(self.copy / path)) for path, stamp in self._files().items() if _rank(path)}
        there = self._files()
        gone = [path for path in self.known if path not in there]
        told = {mark for mark in self.known if _rank(mark) and any(_tells_of(mark, path) for path in gone)}
        new = [path for path, stamp in there.items() if self._differs(path, stamp) and not _rank(path)]
        if gone or new or any(self._differs(path, stamp) for path, (stamp, _) in marks.items()):
            self._done("read", self._still_ours)
        for path in sorted({*gone, *told}, key=_rank, reverse=True):
            self._done("written", self._remove, path)
        for path in sorted(new, key=lambda path: (path != "recipe.yaml", path)):
            self._done("written", self._put, path, there[path])
        for path in sorted(marks, key=_rank):
            stamp, content = marks[path]
            if content is not None and path in there and self._differs(path, stamp):
                self._done("written", self._put, path, stamp, content)

    def _differs(self, path: str, stamp: list[int]) -> bool:
        return path not in self.known or self.known[path][0] != stamp

    def _get(self, path: str, identity: str) -> None:
        target = self.copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        self.fs.get_file(self._path(path), str(beside))
        beside.replace(target)
        self.known[path] = [_stamp(target), identity]

    def _put(self, path: str, stamp: list[int], content: bytes | None = None) -> None:
        if content is None and not (self.copy / path).exists():
            return  # removed meanwhile: the next sending tells
        self.known[path] = [stamp, None]
        self._remember()
        try:
            self._write(path, content)
        except FileNotFoundError:  # a storage with real folders
            self.fs.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)
            self._write(path, content)
        self.known[path] = [stamp, _identity(self.fs.info(self._path(path)))]
        self._remember()

    def _write(self, path: str, content: bytes | None) -> None:
        if content is None:
            self.fs.put_file(str(self.copy / path), self._path(path))
        else:
            self.fs.pipe_file(self._path(path), content)

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self.fs.rm_file(self._path(path))
        self.known.pop(path)
        self._remember()

    def _hold(self) -> None:
        content = json.dumps({"by": self.by, "at": time.time(), "token": self.token}).encode()
        try:
            self.fs.pipe_file(self._path(LOCK), content)
        except FileNotFoundError:
            self.fs.makedirs(self.root, exist_ok=True)
            self.fs.pipe_file(self._path(LOCK), content)

    def _renew(self) -> None:
        self._still_ours()
        self._hold()

    def _still_ours(self) -> None:
        found = self._holder()
        if found and found["token"] != self.token:
            raise RunError(
                f"{self.url}: {found['by']} writes to this run by now; nothing more is sent, what is finished is kept "
                f"in {self.copy}"
            )

    def _holder(self) -> Any:
        try:
            held = json.loads(self.fs.cat_file(self._path(LOCK)))
            return held if isinstance(held, dict) and {"by", "at", "token"} <= held.keys() else None
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
        except (InputError, RunError):
            raise
        except Exception as error:
            kept = f"; what is finished is kept in {self.copy}: run the same command again" if what == "written" else ""
            raise RunError(f"{self.url}: cannot be {what} ({type(error).__name__}: {error}){kept}") from None


def _token(path: Path) -> str:
    """Who a copy is, for good, so that what was killed here is gone on with here at once. `remote.py` has seen to it
    that one process alone works on a copy."""
    with suppress(FileNotFoundError):
        return path.read_text("utf-8")
    path.write_text(secrets.token_hex(8), encoding="utf-8")
    return path.read_text("utf-8")


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


def _tells_of(mark: str, path: str) -> bool:
    """Whether a mark stands above a path: it may say that the path is there."""
    return path != mark and PurePosixPath(path).is_relative_to(PurePosixPath(mark).parent)
