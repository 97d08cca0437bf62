"""The laws of architecture.md, asked at rest. Each answers what it found broken, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from tests.helpers.shop import Shop, conserved

_OPERATIONS: Final = """
SELECT operation_id, status, operation_metadata, created_at, completed_at
FROM sync_operations WHERE user_id = $1 ORDER BY id
"""
_STAGED: Final = """
SELECT count(*) FROM export_chunks JOIN sync_operations USING (operation_id) WHERE user_id = $1
"""


async def converged(shop: Shop) -> list[str]:
    """L1."""
    drift = await shop.drift()
    return [f"L1 drift: {drift}"] if drift.total else []


async def closed(shop: Shop) -> list[str]:
    """L3, L6: every operation has ended, one after the other, with all its rows accounted for; nothing is staged."""
    found = [dict(row) for row in await shop.rows(_OPERATIONS)]
    (staged,) = await shop.rows(_STAGED)
    broken = [line for operation in found for line in _broken(operation)]
    broken += [
        f"L3 {later['operation_id']} began before {earlier['operation_id']} had ended"
        for earlier, later in pairwise(found)
        if earlier["completed_at"] is None or earlier["completed_at"] > later["created_at"]
    ]
    return broken + ([f"L3 {staged['count']} chunks are still staged"] if staged["count"] else [])


def _broken(operation: dict[str, Any]) -> Iterator[str]:
    name, status = operation["operation_id"], operation["status"]
    metadata = operation["operation_metadata"]
    seen = json.loads(metadata) if isinstance(metadata, str) else metadata
    if status in ("pending", "running"):
        yield f"L3 {name} is still {status}"
    elif status == "completed_with_errors":
        yield f"L3 {name} gave rows up: {seen}"
    elif status == "completed" and not conserved(seen):
        yield f"L6 {name} does not add up: {seen}"
    elif status in ("failed", "cancelled") and not seen.get("error", {}).get("message"):
        yield f"L3 {name} {status} without a reason"


async def repeatable(shop: Shop) -> list[str]:
    """L4: a further sync finds nothing to do."""
    before = await shop.fingerprint()
    seen = await shop.sync()
    after = await shop.fingerprint()
    if seen["state"] != "completed" or seen["unchanged"] != seen["total_products"]:
        return [f"L4 a further sync was not idle: {seen}"]
    return [] if after == before else [f"L4 a further sync changed the stock: {before} {after}"]
