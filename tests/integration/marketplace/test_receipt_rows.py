"""Receipts in the database: one claim at a time, and row, counter and status that change together."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import text

from db.ids import new_id
from db.marketplace import receipts, stores
from db.marketplace.receipts import Claimed
from domain.marketplace.receipts import Imported, Settlement
from tests.helpers.marketplace import LEASE, Organization

ORDER = Imported("o-1", Decimal("12.345"), "KWD", datetime(2026, 1, 1, tzinfo=UTC))
SUCCESS = Settlement("success", imported=ORDER)
REFUSED = Settlement("failed", "invalid_receipt")
LIMITED = Settlement("rate_limited", "rate_limited", timedelta(minutes=5))
OVERDUE = Settlement("transient", "away", timedelta(seconds=-1))


async def claim(organization: Organization, log_id: object, holder: object) -> Claimed | None:
    async with organization.database.begin() as connection:
        return await receipts.claim(connection, log_id, holder, LEASE)  # type: ignore[arg-type]


async def shown(organization: Organization, store_id: object) -> tuple[str, int]:
    (row,) = await organization.rows(
        "SELECT sync_status, imported_success_count FROM marketplace_stores WHERE id = :id", id=store_id
    )
    return row.sync_status, row.imported_success_count


async def test_of_all_who_want_a_receipt_one_gets_it(organization: Organization) -> None:
    log = await organization.receipt(await organization.store(), "r-1")
    claims = await asyncio.gather(*(claim(organization, log.id, uuid4()) for _ in range(20)))
    (held,) = [each for each in claims if each is not None]
    assert (held.receipt, held.attempt, held.marketplace, held.currency) == ("r-1", 1, "etsy", "USD")


async def test_its_holder_may_claim_it_again_and_anybody_when_the_lease_is_over(organization: Organization) -> None:
    log, holder = await organization.receipt(await organization.store(), "r-1"), uuid4()
    assert await claim(organization, log.id, holder)
    assert await claim(organization, log.id, holder)
    await organization.rows(
        "UPDATE sync_logs SET claimed_until = now() - interval '1 second' WHERE id = :id", id=log.id
    )
    taken_over = uuid4()
    lost = await claim(organization, log.id, taken_over)
    assert lost is not None
    async with organization.database.begin() as connection:
        assert not await receipts.settle(connection, lost, holder, SUCCESS)
        assert await receipts.settle(connection, lost, taken_over, SUCCESS)
        assert not await receipts.settle(connection, lost, taken_over, SUCCESS)
    assert await shown(organization, log.store_id) == ("success", 1)


async def test_row_counter_and_status_change_together(organization: Organization) -> None:
    store_id = await organization.store()
    logs = [await organization.receipt(store_id, f"r-{number}") for number in range(25)]
    settlements = [SUCCESS, REFUSED, LIMITED, *[SUCCESS] * 22]
    assert all(
        await asyncio.gather(*(organization.settled(log, each) for log, each in zip(logs, settlements, strict=True)))
    )
    # Of the 20 latest attempts, whichever they were.
    latest = await organization.rows(
        "SELECT status FROM sync_logs WHERE store_id = :id ORDER BY last_attempt_at DESC, id DESC LIMIT 20", id=store_id
    )
    expected = "success" if {row.status for row in latest} == {"success"} else "partial"
    assert await shown(organization, store_id) == (expected, 23)
    async with organization.database.begin() as connection:
        assert await stores.rate_limited(connection, store_id) == 1
        stored = await receipts.find(connection, logs[0].id)
    assert stored is not None
    assert (stored.amount, stored.currency, stored.attempt, stored.next_retry_at) == (Decimal("12.345"), "KWD", 1, None)


async def test_attempts_that_end_at_once_see_each_other_in_the_status(organization: Organization) -> None:
    store_id, holder = await organization.store(), uuid4()
    first, second = [await organization.receipt(store_id, name) for name in ("r-1", "r-2")]
    claims = [await claim(organization, log.id, holder) for log in (first, second)]
    async with organization.database.begin() as connection:
        assert claims[0] is not None
        assert await receipts.settle(connection, claims[0], holder, SUCCESS)
        other = asyncio.create_task(organization.settled_with(claims[1], holder, REFUSED))
        await organization.somebody_waits_for_a_lock()
    assert await other
    assert await shown(organization, store_id) == ("partial", 1)


async def test_a_retried_old_receipt_counts_as_the_latest_attempt(organization: Organization) -> None:
    store_id = await organization.store()
    old = await organization.receipt(store_id, "old")
    await organization.settled(old, OVERDUE)
    assert await shown(organization, store_id) == ("failed", 0)
    for number in range(20):
        await organization.settled(await organization.receipt(store_id, f"r-{number}"), SUCCESS)
    assert await shown(organization, store_id) == ("success", 20)
    await organization.settled(old, REFUSED)
    assert await shown(organization, store_id) == ("partial", 20)


@pytest.mark.parametrize("settlement", [SUCCESS, REFUSED, LIMITED], ids=["success", "refused", "not due"])
async def test_what_is_settled_or_not_due_is_nobodys(organization: Organization, settlement: Settlement) -> None:
    log = await organization.receipt(await organization.store(), "r-1")
    await organization.settled(log, settlement)
    assert await claim(organization, log.id, uuid4()) is None
    # Asked for again: nothing changes.
    assert (await organization.receipt(log.store_id, "r-1")).status == settlement.state


async def test_one_that_was_given_up_is_taken_up_by_who_asks(organization: Organization) -> None:
    log = await organization.receipt(await organization.store(), "r-1")
    await organization.settled(log, Settlement("failed", "retries_exhausted"))
    again = await organization.receipt(log.store_id, "r-1")
    assert (again.id, again.status, again.attempt) == (log.id, "pending", 0)
    assert await claim(organization, log.id, uuid4()) is not None


async def test_a_store_full_of_failures_starves_nobody(organization: Organization) -> None:
    full, other, idle = [await organization.store(name) for name in ("full", "other", "idle")]
    await organization.rows(
        "INSERT INTO sync_logs (id, store_id, receipt, status, error_details, attempt, last_attempt_at)"
        " SELECT gen_random_uuid(), :id, 'bad-' || n, 'failed', 'invalid_receipt', 1, now()"
        " FROM generate_series(1, 300) AS n",
        id=full,
    )
    wanted = await organization.receipt(full, "newest", due=True)
    await organization.receipt(other, "r-1", due=True)
    await organization.settled(await organization.receipt(idle, "r-1"), LIMITED)
    async with organization.database.begin() as connection:
        found = await stores.with_due_receipts(connection, most=1000)
        assert {full, other} <= set(found)
        assert idle not in found
        page = await stores.with_due_receipts(connection, after=min(full, other), most=1000)
        assert max(full, other) in page
        assert min(full, other) not in page
        (claimed,) = await receipts.claim_due(connection, full, uuid4(), LEASE, most=100)
    assert claimed.id == wanted.id


async def test_a_released_claim_is_free_again(organization: Organization) -> None:
    store_id, holder = await organization.store(), uuid4()
    log = await organization.receipt(store_id, "r-1", due=True)
    async with organization.database.begin() as connection:
        assert len(await receipts.claim_due(connection, store_id, holder, LEASE, most=9)) == 1
        assert await receipts.claim_due(connection, store_id, uuid4(), LEASE, most=9) == []
        assert await receipts.is_held_by_another(connection, log.id, uuid4())
        assert not await receipts.is_held_by_another(connection, log.id, holder)
        await receipts.release(connection, store_id, holder)
        assert len(await receipts.claim_due(connection, store_id, uuid4(), LEASE, most=9)) == 1


async def test_registering_at_the_same_time_makes_one(organization: Organization) -> None:
    store_id = await organization.store()
    logs = await asyncio.gather(*(organization.receipt(store_id, "same") for _ in range(20)))
    assert len({log.id for log in logs}) == 1
    assert len({await organization.store() for _ in range(3)}) == 1
    assert new_id().version == 7


async def test_stores_with_something_due_are_found_by_their_receipts_index(organization: Organization) -> None:
    store_id = await organization.store()
    await organization.rows(
        "INSERT INTO sync_logs (id, store_id, receipt, status, next_retry_at)"
        " SELECT gen_random_uuid(), :id, n::text, 'success', NULL FROM generate_series(1, 20000) AS n",
        id=store_id,
    )
    await organization.receipt(store_id, "due", due=True)
    await organization.rows("ANALYZE sync_logs")
    async with organization.database.begin() as connection:
        names = {"after": stores.NO_STORE, "most": 500}
        rows = await connection.execute(text(f"EXPLAIN {stores._DUE.text}"), names)
        plan = "\n".join(row[0] for row in rows)
        assert store_id in await stores.with_due_receipts(connection, most=500)
    assert "idx_sync_logs_due" in plan
    assert "Seq Scan" not in plan
    assert "marketplace_stores" not in plan


async def test_registering_a_store_at_the_same_time_makes_one(organization: Organization) -> None:
    found = await asyncio.gather(*(organization.store() for _ in range(10)))
    assert len(set(found)) == 1
