"""When something is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_ENOUGH: Final = 20


@dataclass(frozen=True, slots=True)
class Backoff:
    """Each wait is twice the one before, up to the longest."""

    first: timedelta
    longest: timedelta
    tries: int

    def after(self, tried: int) -> timedelta | None:
        """How long to wait once `tried` tries were in vain; None when that was the last."""
        if tried >= self.tries:
            return None
        # Bounded before it multiplies: a timedelta overflows.
        return min(self.first * (1 << min(tried, _ENOUGH)), self.longest)


HOUR: Final = timedelta(hours=1)
CHILDREN: Final = Backoff(timedelta(minutes=5), HOUR, tries=5)
"""A child whose parent is not there: looked for after 5, 10, 20, 40 and 60 minutes."""
FAILED: Final = Backoff(timedelta(minutes=1), HOUR, tries=3)
"""A dead letter: after 1, 2 and 4 minutes."""
