"""The laws of architecture.md at rest, asked of our tables and of the simulator's books. Each yields what it broke."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from temporalio.testing import ActivityEnvironment

from tests.chaos.interleavings.market import truth
from tests.chaos.interleavings.world import World

# A row without copies says that there is nothing on sale; a tombstone at rest only keeps older exports off.
_STOCK: Final = """
SELECT external_stock_id::bigint AS id, blueprint_id, quantity, price_cents, description, sync_state::text,
       reserved_quantity, deleted_at
FROM user_inventory_items
WHERE user_id = $1 AND (sync_state <> 'synced' OR reserved_quantity > 0 OR quantity > 0 AND deleted_at IS NULL)
"""
_OPERATIONS: Final = (
    "SELECT operation_id, operation_type, status, operation_metadata FROM sync_operations WHERE user_id = $1"
)
_INTENTS: Final = (
    ("SELECT id, cause FROM webhook_inbox WHERE user_id = $1 AND processed_at IS NULL", "webhook not processed"),
    (
        "SELECT id, action, state, reason, detail FROM item_changes WHERE user_id = $1"
        " AND (ended_at IS NULL OR state <> 'verified' AND (reason IS NULL OR coalesce(detail, '') = ''))",
        "change without an outcome",
    ),
    (
        "SELECT id, state, reason FROM purchases WHERE user_id = $1"
        " AND (ended_at IS NULL OR state <> 'purchased' AND reason IS NULL)",
        "purchase without an outcome",
    ),
)
_FINGERPRINT: Final = """
SELECT md5(string_agg(md5(item::text), '' ORDER BY id)) AS stock,
       (SELECT md5(string_agg(md5(line::text), '' ORDER BY order_id, order_item_id)) FROM order_lines AS line
        WHERE line.user_id = $1) AS lines,
       (SELECT md5(string_agg(md5(event::text), '' ORDER BY id)) FROM webhook_inbox AS event
        WHERE event.user_id = $1) AS events,
       (SELECT md5(string_agg(md5(change::text), '' ORDER BY id)) FROM item_changes AS change
        WHERE change.user_id = $1) AS changes,
       (SELECT md5(string_agg(md5(purchase::text), '' ORDER BY id)) FROM purchases AS purchase
        WHERE purchase.user_id = $1) AS purchases
FROM user_inventory_items AS item WHERE user_id = $1
"""
_REPEATED: Final = 4


async def converged(world: World) -> list[str]:
    """L1: both books agree, and every row knows that it is right."""
    ours = {row["id"]: row for row in await world.rows(_STOCK)}
    theirs = truth(world.seller)
    broken = [f"L1 product {product}: not here" for product in theirs.keys() - ours.keys()]
    broken += [f"L1 product {product}: not on sale" for product in ours.keys() - theirs.keys()]
    for product in theirs.keys() & ours.keys():
        row, listing = ours[product], theirs[product]
        here = (row["blueprint_id"], row["quantity"], row["price_cents"], row["description"])
        there = (listing.blueprint_id, listing.quantity, listing.price_cents, listing.texts.description)
        if here != there:
            broken.append(f"L1 product {product}: {here} here, {there} there")
        if row["sync_state"] != "synced" or row["reserved_quantity"] or row["deleted_at"]:
            broken.append(f"L1 product {product}: not at rest: {dict(row)}")
    return broken


async def accounted_for(world: World) -> list[str]:
    """L3, L6: everything begun has ended with an outcome, all rows counted."""
    broken = [line for row in await world.rows(_OPERATIONS) for line in _open_or_mute(dict(row))]
    for query, what in _INTENTS:
        broken += [f"L3 {what}: {dict(row)}" for row in await world.rows(query)]
    return broken


def _open_or_mute(operation: dict[str, Any]) -> Iterator[str]:
    name, status = f"{operation['operation_type']} {operation['operation_id']}", operation["status"]
    seen = json.loads(operation["operation_metadata"])
    if status in ("pending", "running"):
        yield f"L3 {name} is still {status}"
    elif status in ("failed", "cancelled") and not seen.get("error", {}).get("message"):
        yield f"L3 {name} {status} without a reason"
    elif status == "completed" and "total_products" in seen:
        parts = ("created", "updated", "unchanged", "contested", "failed")
        if seen["processed"] != sum(seen[part] for part in parts) or seen["processed"] != seen["total_products"]:
            yield f"L6 {name} does not add up: {seen}"


async def repeatable(world: World) -> list[str]:
    """L4: what was done once may be done again, to no effect."""
    done = world.engine.finished
    broken = []
    before = await fingerprint(world)
    for finished in world.rng.sample(done, min(_REPEATED, len(done))):
        try:
            await ActivityEnvironment().run(world.engine.activities[finished.name], finished.request)
        except Exception as error:
            if type(error).__name__ not in ("OperationClosed", "AccountNotLinked"):
                broken.append(f"L4 {finished.name} again: {type(error).__name__}: {error}")
        if (after := await fingerprint(world)) != before:
            broken.append(
                f"L4 {finished.name} again changed {[name for name in before if before[name] != after[name]]}"
            )
            before = after
    return broken


async def fingerprint(world: World) -> dict[str, object]:
    """All that a repeat must leave alone, on both sides."""
    (row,) = await world.rows(_FINGERPRINT)
    return {**row, "CardTrader's stock": sorted(truth(world.seller).items())}
