"""An independent judge of a request limit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


def busiest(times: Iterable[float], window: float) -> int:
    """The largest number of events within any closed window."""
    ordered = sorted(times)
    return max((bisect_right(ordered, start + window) - i for i, start in enumerate(ordered)), default=0)
