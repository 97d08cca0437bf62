"""Sales that were read in CardTrader's orders, worked in as a webhook would have been.

Idempotent: each sale counts once by its row in `order_lines`, whoever tells of it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from clients.cardtrader.orders import Order
from db.cards import inbox, order_reading, sales
from db.vault import Vault
from domain.cards.orders import Verdict, judge_found

FOUND: Final = "order.found"
"""The cause of an event that nobody sent."""


@dataclass(frozen=True)
class FoundOrder:
    """An order with the sales that nothing told of yet."""

    order: Order
    verdict: Verdict


async def untold(connection: AsyncConnection, user_id: UUID, page: Sequence[Order]) -> list[FoundOrder]:
    """The orders of a page with sales that were not counted yet, with only these."""
    counted = await order_reading.counted(connection, user_id, [order.id for order in page])
    judged = (FoundOrder(order, judge_found(order.id, msgspec.json.encode(order))) for order in page)
    left = (FoundOrder(found.order, _only_new(found.verdict, counted)) for found in judged)
    return [found for found in left if found.verdict.lines]


async def take_in(connection: AsyncConnection, vault: Vault, user_id: UUID, name: str, found: FoundOrder) -> bool:
    """What a webhook of this order would do, had it come; False when an event of that name is there.

    `name` is by whom it was found: a repeat of his finds what he stored.
    """
    body = vault.encrypt_bytes(msgspec.json.encode(found.order))
    event = f"found:{name}:{found.order.id}"
    event_id = await inbox.receive(connection, user_id, event, cause=FOUND, mode="live", body_encrypted=body)
    if event_id is None:
        return False
    applied = await sales.apply(connection, user_id, found.verdict)
    if applied.outcome:
        await inbox.conclude(connection, event_id, applied.outcome)
    else:
        await inbox.await_reread(connection, event_id, applied.blueprint_ids, unmatched=applied.unmatched)
    return not applied.outcome


def _only_new(verdict: Verdict, counted: set[tuple[int, int]]) -> Verdict:
    lines = tuple(line for line in verdict.lines if line.sold and (verdict.order_id, line.item_id) not in counted)
    return Verdict(verdict.order_id, lines, verdict.reread, reason=verdict.reason)
