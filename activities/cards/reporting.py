"""The end of a drift report: sales found in the orders are compared with what became of them, then it is summed up.

Inside the transaction that closes the operation: a repeat finds it closed.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.measures import measures
from db.cards import drift
from db.cards.drift import FoundSale
from db.cards.reporting import Reporting
from domain.cards.drift import Drift, DriftSummary, Remains, after_sale, summarise
from workflows.cards.contracts import Counters


async def conclude(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, reporting: Reporting, totals: Counters
) -> DriftSummary | None:
    """The summary for the operation to keep; None when it does not report."""
    if not reporting.reports:
        return None
    merged = await drift.counts(connection, operation_id)
    sales = await drift.sales_found(connection, operation_id)
    if not reporting.dry_run:
        await drift.record(connection, user_id, operation_id, await _told_by_orders(connection, user_id, sales))
    counts = await drift.counts(connection, operation_id)
    await drift.forget_counts(connection, user_id, operation_id)
    for (kind, cause), rows in counts.items():
        measures().drifted(kind, cause, rows)
    seen = totals.unchanged + totals.updated
    corrected = sum(rows for (kind, _), rows in merged.items() if kind == "corrected")
    orders = len({sale.order_id for sale in sales})
    return summarise(counts, equal=seen - corrected, contested=totals.contested, missed_orders=orders)


async def _told_by_orders(connection: AsyncConnection, user_id: UUID, sales: list[FoundSale]) -> list[Drift]:
    """What the sales have changed, now that their rows were read again.

    The truth, not the sale, says so: another sync may have brought the smaller quantity long before.
    """
    before: dict[tuple[int, int], int] = {}
    for sale in sales:
        if sale.quantity_before is not None:
            before.setdefault((sale.blueprint_id, sale.product_id), sale.quantity_before)
    remains = await drift.remains(connection, user_id, before)
    found = (after_sale(*key, had, remains.get(key, Remains())) for key, had in before.items())
    return [one for one in found if one is not None]
