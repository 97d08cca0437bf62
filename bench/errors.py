"""What can go wrong in a benchmark.

BenchError
└── WrongResult   fast but wrong: the run is worth nothing
"""

from __future__ import annotations


class BenchError(Exception):
    """A benchmark could not be run."""


class WrongResult(BenchError):
    """What was measured did not do its work; the message lists every deviation."""
