"""The shrink guard: is a smaller stock believable? (reference: predecessors.md 1.8, lesson 2)

A drop above max(3, 10 %) is held once. It passes when the next complete export shows about the same drop, or
when a person forces it; asking for the identical rows instead would dead-lock a shop that keeps selling.
"""

from __future__ import annotations

import math

SMALL_DROP = 3
LARGE_SHARE = 0.10
AGREEMENT_ROWS = 5
AGREEMENT_SHARE = 0.02


def removal_allowed(*, missing: int, baseline: int, held_before: int, force: bool) -> bool:
    """May `missing` of `baseline` listed rows be retired? `held_before`: rows the previous sync held, or 0."""
    if force or missing <= max(SMALL_DROP, math.ceil(LARGE_SHARE * baseline)):
        return True
    tolerance = max(AGREEMENT_ROWS, math.ceil(AGREEMENT_SHARE * baseline))
    return held_before > 0 and abs(missing - held_before) <= tolerance
