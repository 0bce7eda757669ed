"""Make `.venv-vllm`, where the tests marked `vllm` run vLLM: python tests/real_vllm/make_venv.py

1. vLLM asks for older versions of what Precepts uses, so it lives apart. What both use (torch and transformers above
   all) is taken from the environment that runs this script, by a .pth file; the tests show that it serves.
2. Only what vLLM imports on the tests' way is installed (`requirements.txt`), with versions, and nothing that this asks
   for in turn: half a minute and 550 MB in place of two minutes and 1500 MB.
3. The environment is whole when the file `installed` in it holds the list; a second call then does nothing.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

LIST = Path(__file__).with_name("requirements.txt")
VENV = Path(__file__).parents[2] / ".venv-vllm"
PYTHON = VENV / "bin" / "python"
_WHOLE = VENV / "installed"


def make() -> None:
    """Make the environment, or leave a whole one as it is. Raises CalledProcessError where something cannot be had."""
    if _WHOLE.exists() and _WHOLE.read_text() == LIST.read_text():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV], check=True)
    command = [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.check_output(command, text=True).strip()
    (Path(packages) / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = ("install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile", "-r", LIST)
    subprocess.run([sys.executable, "-m", "pip", "--python", PYTHON, *install], check=True)
    _WHOLE.write_text(LIST.read_text())


if __name__ == "__main__":
    make()
