"""What a merge corrects, for whoever wants to know: the drift report of a reconciliation, and its dry run.

Inside the merge's transaction: a repeat that finds nothing to correct records nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import drift
from db.cards.reporting import Reporting
from domain.cards.drift import NO_EVIDENCE, Drift, Listing, corrected, extra, missing
from domain.cards.products import BadProduct, Product, normalise_graded
from domain.cards.rows import StockRow, properties_json

_decode = msgspec.json.Decoder(dict[str, object]).decode


class Watch:
    """Nobody watches: nothing is read and nothing recorded."""

    dry_run = False

    async def before(
        self, connection: AsyncConnection, new: Sequence[Product | BadProduct], changed: Mapping[int, StockRow]
    ) -> None:
        """What is about to be inserted, and what rows are about to become, by their ids."""

    async def after(self, connection: AsyncConnection, written: Iterable[int]) -> None:
        """The rows that were at rest, and so were written (or would be)."""

    async def lacking(self, connection: AsyncConnection, item_ids: Sequence[int]) -> None:
        """Rows that CardTrader lacks, about to be retired."""


UNWATCHED = Watch()


@dataclass
class _Seen:
    new: list[Listing]
    ours: dict[int, Listing]
    theirs: dict[int, Listing]


class DriftWatch(Watch):
    """Records drift in the name of one operation; with `dry_run` the merge writes nothing else."""

    def __init__(self, user_id: UUID, operation_id: UUID, reporting: Reporting) -> None:
        self._user_id, self._operation_id = user_id, operation_id
        self._orders_read = reporting.orders_read
        self._seen = _Seen([], {}, {})
        self.dry_run = reporting.dry_run

    async def before(
        self, connection: AsyncConnection, new: Sequence[Product | BadProduct], changed: Mapping[int, StockRow]
    ) -> None:
        """Remember both sides."""
        ours = await drift.listings(connection, changed) if changed else {}
        theirs = {item_id: _of_row(changed[item_id], row.product_id) for item_id, row in ours.items()}
        self._seen = _Seen([_of_product(one) for one in new if isinstance(one, Product)], ours, theirs)

    async def after(self, connection: AsyncConnection, written: Iterable[int]) -> None:
        """Record what the two sides of a written row differ in, and what was new."""
        seen = self._seen
        pairs = [(seen.ours[item_id], seen.theirs[item_id]) for item_id in written if item_id in seen.theirs]
        products = [ours.product_id for ours, _ in pairs]
        known = await drift.evidence(connection, self._user_id, self._operation_id, products) if products else {}
        found = (
            corrected(ours, theirs, known.get(ours.product_id, NO_EVIDENCE), orders_read=self._orders_read)
            for ours, theirs in pairs
        )
        await self._record(connection, [*(one for one in found if one), *map(extra, seen.new)])

    async def lacking(self, connection: AsyncConnection, item_ids: Sequence[int]) -> None:
        """Record them, but for those that had nothing left to sell."""
        rows = (await drift.listings(connection, item_ids)).values() if item_ids else ()
        ours = [row for row in rows if row.quantity]
        products = [row.product_id for row in ours]
        known = await drift.evidence(connection, self._user_id, self._operation_id, products) if products else {}
        await self._record(
            connection,
            [missing(row, known.get(row.product_id, NO_EVIDENCE), orders_read=self._orders_read) for row in ours],
        )

    async def _record(self, connection: AsyncConnection, drifts: Sequence[Drift]) -> None:
        # In one order, whatever the database's: the first ones are those kept in detail.
        ordered = sorted(drifts, key=lambda one: (one.blueprint_id, one.product_id))
        await drift.record(connection, self._user_id, self._operation_id, ordered)


def watching(user_id: UUID, operation_id: UUID, reporting: Reporting) -> Watch:
    """Who watches the merges of an operation."""
    return DriftWatch(user_id, operation_id, reporting) if reporting.reports else UNWATCHED


def _of_row(row: StockRow, product_id: int) -> Listing:
    blueprint_id, quantity, price, properties, description, user_data, graded, *_ = row
    return Listing(blueprint_id, product_id, quantity, price, _decode(properties), description, user_data, graded)


def _of_product(product: Product) -> Listing:
    return Listing(
        product.blueprint_id,
        product.id,
        product.quantity,
        product.price_cents,
        _decode(properties_json(product)),
        product.description,
        product.user_data_field,
        normalise_graded(product.graded),
    )
