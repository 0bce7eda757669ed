"""Where this machine keeps what can be had again: converted models, copies of runs on shared storage."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = "PRECEPTS_CACHE"  # the environment variable


def cache_folder() -> Path:
    """The folder, which may not be there yet."""
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "precepts")
