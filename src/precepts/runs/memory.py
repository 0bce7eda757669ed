"""Give memory back between stages, so that a run needs no more than its hungriest stage.

Trainers hold their models in reference cycles, and the C library keeps what was freed for its own later use; after a
training on a CPU that is gigabytes. Where the C library is not glibc the second half is left to it.
"""

from __future__ import annotations

import ctypes
import gc


def release_memory() -> None:
    """Collect cycles and hand freed memory back to the system."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):  # no glibc
        return
