"""Changes of a batch by what has to be done about them, in the order they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cards.changes import Change, Wanted
from domain.cards.outcomes import Sold

_COLUMNS: Final = (
    "change.id, change.operation_id, change.action, change.item_id, change.blueprint_id, change.product_id,"
    " change.wanted, change.delta, change.marker, change.attempts, change.quantity_before"
)
_OF_BATCH: Final = "change.user_id = :user_id AND change.batch_id = :batch_id AND change.ended_at IS NULL"
_WAITING: Final = text(f"""
    SELECT {_COLUMNS} FROM item_changes AS change
    WHERE {_OF_BATCH} AND change.state = 'waiting' ORDER BY change.id LIMIT :most
""")  # noqa: S608 - constants only
_UNKNOWN: Final = text(f"""
    SELECT {_COLUMNS}, change.sent_at FROM item_changes AS change
    WHERE {_OF_BATCH} AND change.state = 'sending' AND change.job_uuid IS NULL ORDER BY change.id LIMIT :most
""")  # noqa: S608 - constants only
_IN_JOB: Final = text(f"""
    SELECT {_COLUMNS}, change.job_uuid, change.job_index, change.sent_at FROM item_changes AS change
    WHERE {_OF_BATCH} AND change.state = 'sending' AND change.job_uuid IS NOT NULL
    ORDER BY change.job_uuid, change.job_index
""")  # noqa: S608 - constants only
_TO_VERIFY: Final = text(f"""
    SELECT {_COLUMNS}, change.state FROM item_changes AS change
    WHERE {_OF_BATCH} AND change.state IN ('accepted', 'failed', 'cancelled')
      AND change.blueprint_id = ANY (cast(:blueprints AS int[])) ORDER BY change.id
""")  # noqa: S608 - constants only
_BLUEPRINTS: Final = text(f"""
    SELECT DISTINCT change.blueprint_id FROM item_changes AS change
    WHERE {_OF_BATCH} AND change.state IN ('accepted', 'failed', 'cancelled') ORDER BY 1
""")  # noqa: S608 - constants only
# By blueprint: a new listing's copies may have gone to a product of any id.
_SOLD: Final = text("""
    WITH sent AS (
        SELECT * FROM unnest(cast(:ids AS bigint[]), cast(:blueprints AS int[]), cast(:sent_at AS timestamptz[]))
                      AS sent(id, blueprint_id, sent_at)
    ), sale AS (
        SELECT sent.id, line.product_id, line.quantity, line.order_id, line.order_item_id
        FROM sent JOIN order_lines AS line ON line.blueprint_id = sent.blueprint_id AND line.created_at >= sent.sent_at
        WHERE line.user_id = :user_id AND line.product_id IS NOT NULL
        UNION ALL
        SELECT sent.id, bought.product_id, bought.quantity, NULL, NULL
        FROM sent JOIN purchases AS bought ON bought.blueprint_id = sent.blueprint_id AND bought.sent_at >= sent.sent_at
        WHERE bought.user_id = :user_id AND bought.state = 'purchased'
    )
    SELECT id, product_id, quantity, order_id, order_item_id FROM sale
""")
# Under way when the change was sent or still so, or of unknown outcome: nobody knows which quantity shows its copies.
_BESIDE: Final = text("""
    SELECT DISTINCT sent.id
    FROM unnest(cast(:ids AS bigint[]), cast(:blueprints AS int[]), cast(:sent_at AS timestamptz[]))
         AS sent(id, blueprint_id, sent_at)
    JOIN purchases AS bought ON bought.blueprint_id = sent.blueprint_id AND bought.sent_at IS NOT NULL
    WHERE bought.user_id = :user_id AND coalesce(bought.ended_at, now()) >= sent.sent_at
      AND (bought.sent_at < sent.sent_at OR bought.state = 'sending' OR bought.reason = 'OUTCOME_UNKNOWN')
""")


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that was sent, when, and in which job at which place."""

    change: Change
    sent_at: datetime
    job_uuid: UUID | None = None
    job_index: int = 0


async def waiting(connection: AsyncConnection, user_id: UUID, batch_id: UUID, *, most: int) -> list[Change]:
    """The oldest changes of a batch that have to be sent."""
    values = {"user_id": user_id, "batch_id": batch_id, "most": most}
    return [_change(row) for row in await connection.execute(_WAITING, values)]


async def unknown(connection: AsyncConnection, user_id: UUID, batch_id: UUID, *, most: int) -> list[Sent]:
    """Changes that were sent and whose answer is lost."""
    found = await connection.execute(_UNKNOWN, {"user_id": user_id, "batch_id": batch_id, "most": most})
    return [Sent(_change(row), row.sent_at) for row in found]


async def in_job(connection: AsyncConnection, user_id: UUID, batch_id: UUID) -> list[Sent]:
    """Changes that a job of CardTrader works on, by job and place."""
    found = await connection.execute(_IN_JOB, {"user_id": user_id, "batch_id": batch_id})
    return [Sent(_change(row), row.sent_at, row.job_uuid, row.job_index) for row in found]


async def blueprints(connection: AsyncConnection, user_id: UUID, batch_id: UUID) -> list[int]:
    """What has to be read again to verify a batch, ascending."""
    return list((await connection.execute(_BLUEPRINTS, {"user_id": user_id, "batch_id": batch_id})).scalars())


async def to_verify(
    connection: AsyncConnection, user_id: UUID, batch_id: UUID, blueprint_ids: Sequence[int]
) -> list[tuple[Change, bool]]:
    """Changes of these blueprints that CardTrader took (True) or that failed or were cancelled (False)."""
    values = {"user_id": user_id, "batch_id": batch_id, "blueprints": list(blueprint_ids)}
    return [(_change(row), row.state == "accepted") for row in await connection.execute(_TO_VERIFY, values)]


async def sold_since(connection: AsyncConnection, user_id: UUID, sent: Sequence[Sent]) -> dict[int, list[Sold]]:
    """By change: what was sold of its blueprint since it was sent: orders told of since, or bought here."""
    found = await connection.execute(_SOLD, _sendings(user_id, sent))
    sold: dict[int, list[Sold]] = {one.change.id: [] for one in sent}
    for change_id, product_id, copies, order_id, item_id in found:
        sold[change_id].append(Sold(product_id, copies, None if order_id is None else (order_id, item_id)))
    return {change_id: sorted(sales, key=repr) for change_id, sales in sold.items()}


async def beside_purchases(connection: AsyncConnection, user_id: UUID, sent: Sequence[Sent]) -> set[int]:
    """Ids of changes about which quantities tell nothing, because copies were bought here at the same time."""
    return set((await connection.execute(_BESIDE, _sendings(user_id, sent))).scalars())


def _sendings(user_id: UUID, sent: Sequence[Sent]) -> dict[str, object]:
    return {
        "user_id": user_id,
        "ids": [one.change.id for one in sent],
        "blueprints": [one.change.blueprint_id for one in sent],
        "sent_at": [one.sent_at for one in sent],
    }


def _change(row: Row[Any]) -> Change:
    return Change(
        id=row.id,
        operation_id=UUID(row.operation_id),
        action=row.action,
        item_id=row.item_id,
        blueprint_id=row.blueprint_id,
        product_id=row.product_id,
        wanted=msgspec.convert(row.wanted, Wanted),
        delta=row.delta,
        marker=row.marker,
        attempts=row.attempts,
        quantity_before=row.quantity_before,
    )
