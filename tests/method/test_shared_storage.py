"""A run on a local S3 server: stopped on one machine, gone on with on another, equal to one that stayed at home."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small import contents, precepts, small_recipe

PLACE = "s3://bucket/runs/a"


@pytest.fixture(scope="module")
def storage() -> Iterator[dict[str, str]]:
    """An S3 server with a bucket; what the environment needs to find it."""
    pytest.importorskip("moto", reason="no local S3 server")
    s3fs = pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    found = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "a-secret-of-mine"}
    found["AWS_DEFAULT_REGION"] = "us-east-1"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    fs = s3fs.S3FileSystem(endpoint_url=address, key="key", secret="a-secret-of-mine", skip_instance_cache=True)
    for _ in range(600):
        try:
            fs.mkdir("bucket")
            break
        except Exception:  # not up yet
            assert server.poll() is None, "the server did not start"
            time.sleep(0.1)
    yield found
    server.kill()
    server.wait()


def test_begun_here_and_ended_there(storage: dict[str, str], tmp_path: Path, tiny_model: Path) -> None:
    recipe = small_recipe(tmp_path, tiny_model)
    here, there = ({**storage, "PRECEPTS_CACHE": str(tmp_path / name)} for name in ("here", "there"))
    begun = precepts("run", str(recipe), "--run", PLACE, "--until", "revise", **here)
    assert begun.returncode == 0, begun.stderr
    shutil.rmtree(tmp_path / "here")  # the first machine is gone
    status = precepts("status", PLACE, "--json", **there)
    assert status.returncode == 0, status.stderr
    assert not list((tmp_path / "there").rglob("*.safetensors"))
    ended = precepts("run", str(recipe), "--run", PLACE, "--until", "sl", **there)
    assert ended.returncode == 0, ended.stderr
    assert "] sl" in ended.stderr and "] revise" not in ended.stderr  # that was passed over
    whole = tmp_path / "whole"
    assert precepts("run", str(recipe), "--run", str(whole), "--until", "sl").returncode == 0
    (copy,) = (tmp_path / "there" / "runs").iterdir()
    assert contents(copy) == contents(whole)
    exported = precepts("export-model", PLACE, "sl", "-o", str(tmp_path / "sl"), **here)
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "sl" / "model.safetensors").read_bytes() == (whole / "models/sl/model.safetensors").read_bytes()
    sent = b"".join(path.read_bytes() for path in copy.rglob("*") if path.is_file())
    assert b"a-secret-of-mine" not in sent


def test_a_storage_that_cannot_be_had(tmp_path: Path) -> None:
    pytest.importorskip("s3fs")
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    done = precepts("status", PLACE, PRECEPTS_CACHE=str(tmp_path / "cache"), AWS_MAX_ATTEMPTS="1", **nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {PLACE}: cannot be read (") and "Traceback" not in done.stderr
