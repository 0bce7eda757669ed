"""Runs on shared storage: the copy and the storage are in step, in the right order, with one writer."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest

from precepts.errors import InputError, RunError
from precepts.runs import remote, storage
from precepts.runs.cache import CACHE
from precepts.runs.remote import local, run_at

FILES = {
    "recipe.yaml": "seed: 1\n",
    "respond/stage.json": '{"done": true}',
    "respond/records-00000.parquet": "first",
    "respond/records-00001.parquet": "second",
    "sl/scratch/checkpoints/checkpoint-1/complete": "",
    "sl/scratch/checkpoints/checkpoint-1/state": "state",
    "models/sl/model.safetensors": "weights",
}


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A place in memory that nothing else uses, and a first machine to use it from."""
    move(monkeypatch, tmp_path / "first")
    return f"memory://bucket/{uuid.uuid4()}/run"


def move(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Be on another machine."""
    monkeypatch.setenv(CACHE, str(cache))


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def files(folder: Path) -> dict[str, str]:
    """What a folder holds, but for what begins with a dot."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def stored(url: str) -> dict[str, str]:
    """What the storage holds, but for the lock."""
    fs, root = fsspec.url_to_fs(url)
    names = fs.find(root) if fs.exists(root) else []
    return {name.removeprefix(root + "/"): fs.cat_file(name).decode() for name in names if not name.endswith(".lock")}


def test_a_path_is_its_own_place(tmp_path: Path) -> None:
    with run_at(str(tmp_path / "run"), write=True) as folder:
        assert folder == tmp_path / "run"
    assert not folder.exists()


def test_another_machine_goes_on(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with run_at(url, write=True) as folder:
        put(folder, FILES)
        put(folder, {"respond/.records-00002.parquet.part": "half"})
    assert stored(url) == FILES
    move(monkeypatch, tmp_path / "second")
    with run_at(url, write=True) as second:
        assert second != folder and files(second) == FILES
        put(second, {"respond/records-00000.parquet": "once more"})
        (second / "respond/records-00001.parquet").unlink()
    assert stored(url) == files(second)
    move(monkeypatch, tmp_path / "first")
    with run_at(url, write=True) as first:
        assert files(first) == files(second)


def test_what_was_not_sent_stays_and_is_sent(url: str) -> None:
    with run_at(url, write=True) as folder:
        put(folder, FILES)
    put(folder, {"respond/records-00002.parquet": "done right before a kill"})
    with run_at(url, write=True) as again:
        assert again == folder and (folder / "respond/records-00002.parquet").exists()
    assert stored(url) == FILES | {"respond/records-00002.parquet": "done right before a kill"}


def test_the_storage_wins_where_both_went_on(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with run_at(url, write=True) as first:
        put(first, FILES)
    move(monkeypatch, tmp_path / "second")
    with run_at(url, write=True) as second:
        put(second, {"respond/records-00002.parquet": "theirs"})
    move(monkeypatch, tmp_path / "first")
    put(first, {"respond/records-00002.parquet": "ours", "respond/records-00003.parquet": "ours"})
    with run_at(url, write=True):
        assert files(first) == FILES | {"respond/records-00002.parquet": "theirs"}


def test_sent_while_it_works(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "EVERY", 0.01)
    with run_at(url, write=True) as folder:
        put(folder, FILES)
        until = time.monotonic() + 60
        while stored(url) != FILES and time.monotonic() < until:
            time.sleep(0.01)
        assert stored(url) == FILES


def test_marks_are_sent_last_and_removed_first(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fs, _ = fsspec.url_to_fs(url)
    told: list[str] = []
    for name in ("put_file", "pipe_file", "rm_file"):
        plain = getattr(type(fs), name)

        def noting(self: Any, *given: Any, plain: Any = plain, name: str = name, **more: Any) -> Any:
            path = given[1] if name == "put_file" else given[0]
            if "/run/" in path and not path.endswith(".lock"):
                told.append(path.partition("/run/")[2])
            return plain(self, *given, **more)

        monkeypatch.setattr(type(fs), name, noting)
    with run_at(url, write=True) as folder:
        put(folder, FILES)
    marks = ["sl/scratch/checkpoints/checkpoint-1/complete", "respond/stage.json"]
    assert told == ["recipe.yaml", *sorted({*FILES} - {*marks, "recipe.yaml"}), *marks]
    told.clear()
    with run_at(url, write=True):
        for name in FILES:
            (folder / name).unlink()
    assert told[:2] == marks[::-1] and sorted(told) == sorted(FILES)


def test_reading_brings_no_models(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with run_at(url, write=True) as folder:
        put(folder, FILES)
    move(monkeypatch, tmp_path / "second")
    light = {name: text for name, text in FILES.items() if name.startswith(("recipe", "respond"))}
    with run_at(url) as second:
        assert files(second) == light
    with run_at(url, models=True) as second:
        assert files(second) == FILES
    assert stored(url) == FILES


def test_one_writer(url: str) -> None:
    fs, root = fsspec.url_to_fs(url)
    held = {"by": "process 1 on elsewhere", "at": time.time(), "token": "theirs"}
    fs.makedirs(root, exist_ok=True)
    fs.pipe_file(f"{root}/.lock", json.dumps(held).encode())
    with pytest.raises(InputError, match=r"in use by process 1 on elsewhere"), run_at(url, write=True):
        pytest.fail("two write to one run")
    fs.pipe_file(f"{root}/.lock", json.dumps(held | {"at": time.time() - storage.STALE - 1}).encode())
    with run_at(url, write=True):
        assert "elsewhere" not in fs.cat_file(f"{root}/.lock").decode()
    assert not fs.exists(f"{root}/.lock")


def test_a_killed_writer_is_followed_at_once_on_its_machine_only(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fs, root = fsspec.url_to_fs(url)
    with run_at(url, write=True):
        left = fs.cat_file(f"{root}/.lock")
    fs.pipe_file(f"{root}/.lock", left)  # as a kill leaves it
    with run_at(url, write=True):
        pass
    fs.pipe_file(f"{root}/.lock", left)
    move(monkeypatch, tmp_path / "second")
    with pytest.raises(InputError, match="in use by process"), run_at(url, write=True):
        pytest.fail("two write to one run")


def test_a_copy_that_was_cleaned_is_fetched_again(url: str) -> None:
    with run_at(url, write=True) as folder:
        put(folder, FILES)
    for name in FILES:
        (folder / name).unlink()
    with run_at(url, write=True):
        assert files(folder) == FILES
    assert stored(url) == FILES


def test_a_sending_that_was_cut_short_costs_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fs, _ = fsspec.url_to_fs(url)
    plain, count = type(fs).put_file, iter(range(100))

    def failing(self: Any, *given: Any, **more: Any) -> Any:
        found = plain(self, *given, **more)
        if next(count) in (1, 2):  # written, and then the connection breaks; so it does at the end too
            raise ConnectionError("reset")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(type(fs), "put_file", failing)
        with pytest.raises(RunError, match="reset"), run_at(url, write=True) as folder:
            put(folder, FILES)
    assert 0 < len(stored(url)) < len(FILES)
    with run_at(url, write=True):
        assert files(folder) == FILES
    assert stored(url) == FILES


def test_a_mark_that_never_holds_still_is_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fs, _ = fsspec.url_to_fs(url)
    plain, turn = type(fs).put_file, iter(range(100))
    with run_at(url, write=True) as folder:
        put(folder, FILES)

        def busy(self: Any, *given: Any, **more: Any) -> Any:
            (folder / "respond/stage.json").write_text(f'{{"done": {next(turn)}}}')
            return plain(self, *given, **more)

        monkeypatch.setattr(type(fs), "put_file", busy)
    assert stored(url)["respond/stage.json"] == '{"done": true}'


def test_a_mark_goes_before_what_it_tells_of(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fs, _ = fsspec.url_to_fs(url)
    with run_at(url, write=True) as folder:
        put(folder, FILES)
    seen: list[bool] = []
    plain = type(fs).rm_file

    def watching(self: Any, path: str) -> None:
        if path.endswith(".parquet"):
            seen.append("respond/stage.json" in stored(url))
        plain(self, path)

    monkeypatch.setattr(type(fs), "rm_file", watching)
    with run_at(url, write=True):
        (folder / "respond/records-00000.parquet").unlink()
        (folder / "respond/records-00001.parquet").unlink()
        put(folder, {"respond/stage.json": '{"done": false}'})
    assert seen == [False, False]
    assert stored(url)["respond/stage.json"] == '{"done": false}'


def test_who_has_lost_the_run_sends_no_more(url: str) -> None:
    fs, root = fsspec.url_to_fs(url)
    theirs = {"by": "process 1 on elsewhere", "at": time.time(), "token": "theirs"}
    with pytest.raises(RunError, match=r"process 1 on elsewhere writes to this run"), run_at(url, write=True) as folder:
        put(folder, FILES)
        fs.pipe_file(f"{root}/.lock", json.dumps(theirs).encode())
    assert stored(url) == {} and files(folder) == FILES
    assert json.loads(fs.cat_file(f"{root}/.lock")) == theirs


def test_other_files_are_no_run(url: str) -> None:
    fs, root = fsspec.url_to_fs(url)
    fs.pipe_file(f"{root}/holiday.txt", b"photos")
    with pytest.raises(InputError, match="other files are there"), run_at(url, write=True):
        pytest.fail("it was used")
    with run_at(f"{url}-other", new=True) as folder:
        assert files(folder) == {}


def test_a_run_at_work_here_is_read_from_its_copy(url: str) -> None:
    with run_at(url, write=True) as folder:
        put(folder, FILES)
        with run_at(url) as read:
            assert read == folder and files(read) == FILES


def test_what_cannot_be_sent_is_kept_and_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fs, _ = fsspec.url_to_fs(url)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("Access Denied")

    with pytest.raises(RunError) as told, run_at(url, write=True) as folder:
        put(folder, FILES)
        monkeypatch.setattr(type(fs), "put_file", refuse)
    assert str(told.value).startswith(f"{url}: cannot be written (PermissionError: Access Denied); what is finished is")
    assert str(folder) in str(told.value) and files(folder) == FILES
    monkeypatch.undo()


def test_a_storage_is_not_trusted_with_names(url: str) -> None:
    fs, root = fsspec.url_to_fs(url)
    for name in ("recipe.yaml", "../outside", "respond/../../outside", ".known.json"):
        fs.pipe_file(f"{root}/{name}", b"{}")
    with run_at(url) as folder:
        assert files(folder) == {"recipe.yaml": "{}"}
    assert not (folder.parent / "outside").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("bogus://bucket/run", "no place that can be written to"),
        ("abfs://bucket/run", "adlfs"),
        ("memory://x", "no run"),
    ],
)
def test_what_is_no_place(place: str, said: str, url: str) -> None:
    with pytest.raises(InputError, match=said), run_at(place):
        pytest.fail("it was used")


def test_copies_do_not_meet(url: str) -> None:
    places = ("s3://a/run", "s3://b/run", "gs://a/run")
    assert len({local(place) for place in places}) == 3
    assert local("s3://a/run/") == local("s3://a/run")
