"""Process set-up: freed megabytes really go back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROBE = """
import threading
from process import return_large_buffers

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

assert return_large_buffers()
blocks = [bytes([1]) * 3_000_000 for _ in range(40)]
held = resident()
del blocks
print(held - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_freed_buffers_go_back_to_the_system() -> None:
    answer = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    assert int(answer.stdout) > 100_000_000
