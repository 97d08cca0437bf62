"""The state machine of one change, and what each step of it means for the stock row.

    waiting -> sending -> accepted -> verified | failed
                  |-> waiting (certainly not made) | failed
    `held` and `cancelled` are a person's decisions (db.cards.plans). `sending` is committed before CardTrader is asked,
    so whoever finds it knows that the change may have been made. A `failed` change stays open until the truth was read.

Every function is a part of the caller's transaction, and repeats do nothing. A stock row is locked before its changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import expectations
from domain.cards.changes import Change

# What was cancelled meanwhile is not claimed. The time is that of the caller's last look at CardTrader, or now. The
# states are hidden in `coalesce`, because the planner's knowledge of them is older than the batch (db.cards.stock).
_CLAIM: Final = text("""
    UPDATE item_changes AS change
    SET state = 'sending', sent_at = coalesce(cast(:began AS timestamptz), clock_timestamp()),
        attempts = attempts + 1, job_uuid = NULL, job_index = NULL, quantity_before = claimed.quantity_before
    FROM unnest(cast(:ids AS bigint[]), cast(:before AS int[])) AS claimed(id, quantity_before)
    WHERE change.id = claimed.id AND coalesce(change.state = 'waiting' AND change.ended_at IS NULL, false)
    RETURNING change.id
""")
_NOTE_BEFORE: Final = text("""
    UPDATE item_changes SET quantity_before = :before, sent_at = :began
    WHERE id = :id AND state = 'sending' AND attempts = :attempts AND quantity_before IS NULL
""")
_NOTE_JOB: Final = text("""
    UPDATE item_changes AS change SET job_uuid = :job, job_index = sent.position - 1
    FROM unnest(cast(:ids AS bigint[])) WITH ORDINALITY AS sent(id, position)
    WHERE change.id = sent.id AND change.state = 'sending'
""")
_FORGET_JOB: Final = text("""
    UPDATE item_changes SET job_uuid = NULL, job_index = NULL
    WHERE id = ANY (cast(:ids AS bigint[])) AND state = 'sending'
""")
_PUT_BACK: Final = text("""
    UPDATE item_changes
    SET state = 'waiting', quantity_before = NULL, job_uuid = NULL, job_index = NULL,
        attempts = attempts - cast(:forgiven AS int)
    WHERE id = ANY (cast(:ids AS bigint[])) AND state = 'sending'
""")
_LOCK_ROWS: Final = text("""
    SELECT item.id FROM user_inventory_items AS item WHERE item.id IN (
        SELECT item_id FROM item_changes WHERE id = ANY (cast(:ids AS bigint[]))) ORDER BY item.id FOR UPDATE
""")
_ACCEPT: Final = text("""
    UPDATE item_changes AS change SET state = 'accepted', product_id = coalesce(taken.product_id, change.product_id)
    FROM unnest(cast(:ids AS bigint[]), cast(:products AS bigint[])) AS taken(id, product_id)
    WHERE change.id = taken.id AND change.state = 'sending'
""")
_FAIL: Final = text("""
    UPDATE item_changes AS change SET state = 'failed', reason = failed.reason, detail = failed.detail
    FROM unnest(cast(:ids AS bigint[]), cast(:reasons AS text[]), cast(:details AS text[]))
         AS failed(id, reason, detail)
    WHERE change.id = failed.id AND change.state IN ('sending', 'waiting') AND change.ended_at IS NULL
    RETURNING change.id
""")
# From here on the truth is at CardTrader; unless a later change of the row has still to be sent.
_RELEASE: Final = text("""
    UPDATE user_inventory_items AS item
    SET sync_state = 'uncertain', changed_at = clock_timestamp(), updated_at = clock_timestamp(), content_hash = NULL
    WHERE item.sync_state = 'pending'
      AND item.id IN (SELECT item_id FROM item_changes WHERE id = ANY (cast(:ids AS bigint[])))
      AND NOT EXISTS (SELECT 1 FROM item_changes AS later
                      WHERE later.item_id = item.id AND later.ended_at IS NULL
                        AND later.state IN ('waiting', 'held', 'sending'))
""")
_END: Final = text("""
    UPDATE item_changes AS change
    SET ended_at = now(), state = CASE WHEN change.state = 'accepted' THEN ended.state ELSE change.state END,
        reason = CASE WHEN change.state = 'accepted' THEN ended.reason ELSE change.reason END,
        detail = CASE WHEN change.state = 'accepted' THEN ended.detail ELSE change.detail END
    FROM unnest(cast(:ids AS bigint[]), cast(:states AS text[]), cast(:reasons AS text[]), cast(:details AS text[]))
         AS ended(id, state, reason, detail)
    WHERE change.id = ended.id AND change.ended_at IS NULL
""")
_TRY_AGAIN: Final = text("UPDATE item_changes SET attempts = attempts + 1 WHERE id = ANY (cast(:ids AS bigint[]))")
End = Literal["verified", "failed"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a change ends: reason and detail (a code and a sentence) where it failed."""

    change: Change
    state: End = "verified"
    reason: str | None = None
    detail: str | None = None


async def claim(
    connection: AsyncConnection, changes: Mapping[int, int | None], *, began: datetime | None = None
) -> set[int]:
    """Say that these (id: copies before) are about to be sent; which may be: the others were cancelled meanwhile."""
    values = {"ids": list(changes), "before": list(changes.values()), "began": began}
    return set((await connection.execute(_CLAIM, values)).scalars())


async def note_before(connection: AsyncConnection, change: Change, before: int, began: datetime) -> bool:
    """Say that a difference is about to be sent to a product that had so many copies at `began`.

    False when this attempt, `change.attempts` + 1, is not the last one: a worker that hung must not send it beside
    the one that took over.
    """
    values = {"id": change.id, "attempts": change.attempts + 1, "before": before, "began": began}
    return (await connection.execute(_NOTE_BEFORE, values)).rowcount == 1


async def note_job(connection: AsyncConnection, ids: Sequence[int], job: UUID) -> None:
    """The job that works on them, in the order in which they were sent."""
    await connection.execute(_NOTE_JOB, {"ids": list(ids), "job": job})


async def forget_job(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Their job will never tell what became of them."""
    await connection.execute(_FORGET_JOB, {"ids": list(ids)})


async def put_back(connection: AsyncConnection, ids: Sequence[int], *, counted: bool) -> None:
    """They were certainly not made, and are sent again; `counted` where that was an attempt."""
    await connection.execute(_PUT_BACK, {"ids": list(ids), "forgiven": 0 if counted else 1})


async def accept(connection: AsyncConnection, products: Mapping[int, int | None]) -> None:
    """CardTrader took these changes; product ids of new listings."""
    await connection.execute(_LOCK_ROWS, {"ids": list(products)})
    await connection.execute(_ACCEPT, {"ids": list(products), "products": list(products.values())})
    await connection.execute(_RELEASE, {"ids": list(products)})


async def fail(connection: AsyncConnection, failures: Sequence[Ending]) -> None:
    """These were not made; their rows are read again before they end."""
    ids = [failure.change.id for failure in failures]
    await connection.execute(_LOCK_ROWS, {"ids": ids})
    failed = await connection.execute(_FAIL, {"ids": ids, **_why(failures)})
    await expectations.drop(connection, list(failed.scalars()))
    await connection.execute(_RELEASE, {"ids": ids})


async def end(connection: AsyncConnection, endings: Sequence[Ending]) -> None:
    """The last word about changes whose truth was read; one that had failed before keeps its reason."""
    states = [ending.state for ending in endings]
    values = {"ids": [ending.change.id for ending in endings], "states": states, **_why(endings)}
    await connection.execute(_END, values)


async def try_again(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """They could not be verified this time."""
    await connection.execute(_TRY_AGAIN, {"ids": list(ids)})


def _why(endings: Sequence[Ending]) -> dict[str, list[str | None]]:
    return {"reasons": [ending.reason for ending in endings], "details": [ending.detail for ending in endings]}
