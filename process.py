"""What a process sets up once about itself, before anything else."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 128 * 1024


def return_large_buffers() -> bool:
    """Have glibc give large buffers back at once, and keep one heap for all threads; False where it is not glibc.

    Chunks are megabytes that come and go in several threads: by default every thread keeps a heap of its own, and
    freed blocks raise the size from which memory is returned, so that a worker keeps its peak for ever.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    options = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES))
    return all(mallopt(option, value) == 1 for option, value in options)
