"""Plans: outgoing changes that do too much at once, held until a person approves them (domain.cards.blast_radius).

One plan of an account waits at a time, and what it holds never changes: changes that would make it larger replace it
by a new one, so that what is approved is exactly what was shown. Everyday changes of other listings pass meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ColumnElement, Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import cancelling
from db.cards.intent_tables import change_plans
from domain.cards.blast_radius import WINDOW, Blast, cost
from domain.cards.edits import PlanDecided, UnknownPlan

_plan = change_plans.c

# Per listing, from before its first change to after its last, so that many small steps are seen as one large one.
_LISTINGS = """
    SELECT coalesce(item_id, -id) AS listing, min(blueprint_id) AS blueprint_id,
           bool_or(action = 'create') AS created, bool_or(action = 'delete') AS deleted,
           coalesce((array_agg(quantity_seen ORDER BY id))[1], 0) AS old_quantity,
           coalesce((array_agg(price_seen ORDER BY id))[1], 0) AS old_price,
           (array_agg(coalesce(quantity_seen + delta, (wanted ->> 'quantity')::int)
                      ORDER BY id DESC))[1] AS new_quantity,
           coalesce((array_agg((wanted ->> 'price_cents')::int ORDER BY id DESC)
                     FILTER (WHERE wanted ? 'price_cents'))[1], (array_agg(price_seen ORDER BY id))[1]) AS new_price
    FROM counted GROUP BY 1
"""
_GOES = "NOT created AND old_quantity > 0 AND (deleted OR new_quantity <= 0)"
_LEAPS = "NOT created AND abs(new_price::bigint - old_price) * 2 > old_price"
_BLAST = text(f"""
    WITH counted AS (
        SELECT change.* FROM item_changes AS change LEFT JOIN change_plans AS plan USING (plan_id)
        WHERE change.user_id = :user_id AND change.state NOT IN ('failed', 'cancelled')
          AND plan.state IS DISTINCT FROM 'approved'
          AND (change.created_at > now() - cast(:window AS interval)
               OR (change.ended_at IS NULL AND change.state IN ('waiting', 'held')))),
    listings AS ({_LISTINGS})
    SELECT count(*) FILTER (WHERE {_GOES}) AS removed, count(*) FILTER (WHERE {_LEAPS}) AS repriced FROM listings
""")  # noqa: S608 - constants only
_ON_SALE = text("""
    SELECT count(*) FROM (SELECT 1 FROM user_inventory_items
                          WHERE user_id = :user_id AND deleted_at IS NULL AND quantity > 0 LIMIT :most) AS listing
""")
_JOINING = text("""
    SELECT change.id FROM item_changes AS change
    WHERE change.user_id = :user_id AND change.ended_at IS NULL AND change.state = 'waiting'
      AND change.plan_id IS NULL AND change.batch_id IS NULL
      AND (change.action = 'delete'
           OR change.quantity_seen > 0 AND change.quantity_seen + change.delta <= 0
           OR abs((change.wanted ->> 'price_cents')::bigint - change.price_seen) * 2 > change.price_seen
           OR EXISTS (SELECT 1 FROM item_changes AS held
                      WHERE held.item_id = change.item_id AND held.ended_at IS NULL AND held.state = 'held'))
""")
_WAITING = text("""
    SELECT id FROM item_changes
    WHERE user_id = :user_id AND ended_at IS NULL AND state = 'waiting' AND plan_id IS NULL AND batch_id IS NULL
""")
_HOLD = text("""
    UPDATE item_changes SET state = 'held', plan_id = :plan_id
    WHERE user_id = :user_id AND ended_at IS NULL AND state IN ('waiting', 'held')
      AND (id = ANY (cast(:ids AS bigint[])) OR plan_id = :replaced)
""")
_APPROVE = text("""
    UPDATE item_changes SET state = 'waiting'
    WHERE user_id = :user_id AND ended_at IS NULL AND state = 'held' AND plan_id = :plan_id
""")
_SUMMARY = text(f"""
    WITH counted AS (
        SELECT * FROM item_changes
        WHERE user_id = :user_id AND ended_at IS NULL AND state = 'held' AND plan_id = :plan_id),
    listings AS ({_LISTINGS})
    SELECT count(*) FILTER (WHERE created) AS creates, count(*) FILTER (WHERE deleted) AS deletes,
           count(*) FILTER (WHERE NOT created AND NOT deleted) AS updates,
           count(*) FILTER (WHERE {_GOES} AND NOT deleted) AS zeroed, count(*) FILTER (WHERE {_LEAPS}) AS repriced,
           count(DISTINCT blueprint_id) AS blueprints,
           coalesce(sum(old_quantity::bigint * old_price), 0) AS value_before,
           coalesce(sum(CASE WHEN deleted THEN 0 ELSE greatest(new_quantity, 0)::bigint * new_price END), 0)
               AS value_after
    FROM listings
""")  # noqa: S608 - constants only


class Summary(msgspec.Struct, frozen=True):
    """What a plan would do, in listings; values are quantity x price, in cents; the last two are estimates."""

    creates: int = 0
    updates: int = 0
    deletes: int = 0
    zeroed: int = 0
    repriced: int = 0
    value_before_cents: int = 0
    value_after_cents: int = 0
    requests: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan; `state` is one of `PLAN_STATES`."""

    plan_id: UUID
    state: str
    summary: Summary
    created_at: datetime


async def hold(connection: AsyncConnection, user_id: UUID) -> int:
    """Hold waiting changes that do too much; how many are held by this. For whoever takes changes to send them."""
    waiting = await _locked(connection, _plan.user_id == user_id, _plan.state == "waiting")
    query = _JOINING if waiting else _WAITING
    found = list((await connection.execute(query, {"user_id": user_id})).scalars())
    if not found or not (waiting or await _is_too_much(connection, user_id)):
        return 0
    if waiting:
        await _decide(connection, waiting.plan_id, "replaced", "later changes")
    plan_id = uuid4()
    await connection.execute(insert(change_plans).values(plan_id=plan_id, user_id=user_id, summary={}))
    replaced = waiting.plan_id if waiting else None
    names = {"user_id": user_id, "plan_id": plan_id}
    await connection.execute(_HOLD, {**names, "ids": found, "replaced": replaced})
    summary = await _summary(connection, names)
    stored = update(change_plans).where(_plan.plan_id == plan_id)
    await connection.execute(stored.values(summary=msgspec.structs.asdict(summary)))
    return len(found)


async def waiting_plan(connection: AsyncConnection, user_id: UUID) -> Plan | None:
    """The plan that waits for a decision."""
    query = select(change_plans).where(_plan.user_id == user_id, _plan.state == "waiting")
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _read(row)


async def approve(connection: AsyncConnection, user_id: UUID, plan_id: UUID, *, decided_by: str) -> Plan:
    """Let exactly this plan's changes go. Raises `UnknownPlan`, `PlanDecided`."""
    plan = await _undecided(connection, user_id, plan_id)
    await connection.execute(_APPROVE, {"user_id": user_id, "plan_id": plan_id})
    return replace(plan, state=await _decide(connection, plan_id, "approved", decided_by))


async def cancel(connection: AsyncConnection, user_id: UUID, plan_id: UUID, *, decided_by: str) -> Plan:
    """End the plan's changes; the stock comes back as CardTrader has it. Raises `UnknownPlan`, `PlanDecided`."""
    plan = await _undecided(connection, user_id, plan_id)
    await cancelling.cancel_held(connection, user_id, plan_id)
    return replace(plan, state=await _decide(connection, plan_id, "cancelled", decided_by))


async def _is_too_much(connection: AsyncConnection, user_id: UUID) -> bool:
    found = await connection.execute(_BLAST, {"user_id": user_id, "window": WINDOW})
    blast = Blast(**found.mappings().one())
    if not (enough := blast.enough_on_sale):
        return False
    # A large stock is only counted as far as it matters. What would go is not on sale here any more.
    counted = await connection.execute(_ON_SALE, {"user_id": user_id, "most": enough})
    return blast.exceeds(int(counted.scalar_one()) + blast.removed)


async def _summary(connection: AsyncConnection, names: Mapping[str, UUID]) -> Summary:
    row = (await connection.execute(_SUMMARY, names)).one()
    needed = cost(creates=row.creates, updates=row.updates, deletes=row.deletes, blueprints=row.blueprints)
    return Summary(
        creates=row.creates,
        updates=row.updates,
        deletes=row.deletes,
        zeroed=row.zeroed,
        repriced=row.repriced,
        value_before_cents=int(row.value_before),
        value_after_cents=int(row.value_after),
        requests=needed.requests,
        seconds=needed.seconds,
    )


async def _undecided(connection: AsyncConnection, user_id: UUID, plan_id: UUID) -> Plan:
    row = await _locked(connection, _plan.user_id == user_id, _plan.plan_id == plan_id)
    if row is None:
        raise UnknownPlan
    if row.state != "waiting":
        raise PlanDecided(row.state)
    return _read(row)


async def _locked(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Row[Any] | None:
    query = select(change_plans).where(*conditions).with_for_update()
    return (await connection.execute(query)).one_or_none()


async def _decide(connection: AsyncConnection, plan_id: UUID, state: str, decided_by: str) -> str:
    decided = {"state": state, "decided_at": func.now(), "decided_by": decided_by}
    await connection.execute(update(change_plans).where(_plan.plan_id == plan_id).values(decided))
    return state


def _read(row: Row[Any]) -> Plan:
    return Plan(row.plan_id, row.state, msgspec.convert(row.summary, Summary), row.created_at)
