"""Compares what CardTrader shows with what was asked for, and ends changes and operations.

Idempotent: a change ends in the transaction that merges the very answer it was compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.cards.showing import Shown
from db.cards import change_batches, change_queue
from db.cards import changes as ledger
from db.cards.changes import Ending
from domain.cards.change_reasons import sentence
from domain.cards.changes import MOST_ATTEMPTS, Change, differences
from domain.cards.products import BadProduct, Product


class ChangeVerifier:
    """The witness of a batch's re-read."""

    def __init__(self, user_id: UUID, batch_id: UUID) -> None:
        self._user_id, self._batch_id = user_id, batch_id
        self.ended = 0

    async def witness(self, connection: AsyncConnection, shown: Shown) -> None:
        """End the changes of these blueprints; what cannot be read is left for another time."""
        listed = await change_queue.to_verify(connection, self._user_id, self._batch_id, shown.blueprints)
        products = _by_id(shown, [change for change, _ in listed])
        judged = [(change, _judge(change, products) if accepted else Ending(change)) for change, accepted in listed]
        await ledger.try_again(connection, [change.id for change, ending in judged if ending is None])
        await self._end(connection, [ending for _, ending in judged if ending is not None])

    async def give_up(self, connection: AsyncConnection) -> None:
        """End what could not be read at any attempt."""
        left = await change_queue.blueprints(connection, self._user_id, self._batch_id)
        listed = await change_queue.to_verify(connection, self._user_id, self._batch_id, left)
        late = [change for change, _ in listed if change.attempts >= MOST_ATTEMPTS]
        await ledger.try_again(connection, [change.id for change, _ in listed])
        reason = sentence("UNVERIFIED")
        await self._end(connection, [Ending(change, "failed", "UNVERIFIED", reason) for change in late])

    async def _end(self, connection: AsyncConnection, endings: list[Ending]) -> None:
        await ledger.end(connection, endings)
        await change_batches.close_operations(connection, {ending.change.operation_id for ending in endings})
        self.ended += len(endings)


def _by_id(shown: Shown, changes: list[Change]) -> dict[int, Product | BadProduct]:
    wanted = {change.product_id for change in changes if change.product_id is not None}
    found = shown.products(wanted) if wanted else []
    return {row.id if isinstance(row, Product) else row.product_id: row for row in found}


def _judge(change: Change, products: Mapping[int, Product | BadProduct]) -> Ending | None:
    """How an accepted change ends; None when its product cannot be read."""
    product = products.get(change.product_id or 0)
    if isinstance(product, BadProduct):
        return None
    if change.action == "delete":
        return Ending(change) if product is None else _differs(change, ("deleted",))
    if product is None:
        # It was sold out since, or these were the last: nothing is left to compare. What was listed is not to be
        # listed again, so a new listing is done; fields that nobody has seen are not.
        is_done = change.action == "create" or change.wanted.is_empty or _took_the_last(change)
        return Ending(change) if is_done else Ending(change, "failed", "NOT_ON_SALE", sentence("NOT_ON_SALE"))
    wrong = differences(change, product)
    return _differs(change, wrong) if wrong else Ending(change)


def _took_the_last(change: Change) -> bool:
    return change.quantity_before is not None and change.quantity_before + change.difference <= 0


def _differs(change: Change, fields: tuple[str, ...]) -> Ending:
    return Ending(change, "failed", "NOT_AS_ASKED", sentence("NOT_AS_ASKED", fields))
