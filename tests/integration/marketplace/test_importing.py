"""The activities that ask marketplaces, over real rows: who asks, and what a run of a store tells of its end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.marketplace.importing import OrderImports
from clients.errors import RateLimited
from db.marketplace import receipts
from domain.marketplace.receipts import Patience, Refusal, Result, Setback
from tests.helpers import eventually
from tests.helpers.marketplace import LEASE, Organization
from workflows.marketplace.contracts import OrderBatch, ReceiptRef, StoreOrdersEnd, Tally

PATIENCE = Patience((timedelta(minutes=5),), 30)


class Marketplace:
    """Says the same to every receipt."""

    def __init__(self, said: Result) -> None:
        self.said, self.asked, self.opens = said, list[str](), asyncio.Event()
        self.limited_at = 0
        self.opens.set()

    async def ask(self, receipt: str, currency: str, klass: str) -> Result:
        self.asked.append(receipt)
        if len(self.asked) == self.limited_at:
            raise RateLimited(retry_after=2)
        await self.opens.wait()
        return self.said


def importing(organization: Organization, said: Result, *, batch: int = 100) -> tuple[OrderImports, Marketplace]:
    """The activities, and the one marketplace they know."""
    etsy = Marketplace(said)
    return OrderImports(organization.database, {"etsy": etsy}, PATIENCE, batch=batch), etsy  # type: ignore[dict-item]


async def told(organization: Organization) -> list[str]:
    """The organisation's events, oldest first."""
    sql = "SELECT event FROM callback_outbox WHERE organization_id = :id ORDER BY id"
    return [row.event for row in await organization.rows(sql, id=organization.id)]


async def end(imports: OrderImports, store_id: UUID, run_id: UUID, *, aborted: bool = False) -> None:
    """Twice, as a worker that died would."""
    request = StoreOrdersEnd(store_id=store_id, run_id=run_id, tally=Tally(), aborted=aborted)
    for _ in range(2):
        await ActivityEnvironment().run(imports.end_store_orders, request)


@pytest.mark.parametrize(
    ("said", "event"),
    [(Refusal("invalid_receipt"), "sync.failed"), (Setback("rate_limited", limited=True), "sync.completed")],
    ids=["failed", "partial"],
)
async def test_the_end_of_a_run_is_told_by_the_status_of_its_store(
    organization: Organization, said: Result, event: str
) -> None:
    imports, _ = importing(organization, said)
    store_id, run_id = await organization.store(), uuid4()
    await organization.receipt(store_id, "r-1", due=True)
    batch = OrderBatch(store_id=store_id, run_id=run_id, claim=uuid4())
    await ActivityEnvironment().run(imports.import_batch, batch)
    await end(imports, store_id, run_id)
    assert await told(organization) == ["sync.started", event]


async def test_a_batch_has_its_size_and_asks_for_eight_at_once(organization: Organization) -> None:
    imports, etsy = importing(organization, Refusal("invalid_receipt"), batch=10)
    store_id, run_id = await organization.store(), uuid4()
    for number in range(12):
        await organization.receipt(store_id, f"r-{number}", due=True)
    etsy.opens.clear()
    request = OrderBatch(store_id=store_id, run_id=run_id, claim=uuid4())
    running = asyncio.create_task(ActivityEnvironment().run(imports.import_batch, request))

    def busy() -> None:
        assert len(etsy.asked) >= 8

    await eventually(busy, 30)
    assert len(etsy.asked) == 8
    etsy.opens.set()
    first = await running
    rest = await ActivityEnvironment().run(imports.import_batch, request.model_copy(update={"claim": uuid4()}))
    assert [(done.tally.processed, done.is_last) for done in (first, rest)] == [(10, False), (2, True)]
    assert len(etsy.asked) == len(set(etsy.asked)) == 12


async def test_a_limit_in_the_middle_of_a_batch_begins_no_other_and_loses_no_answer(organization: Organization) -> None:
    imports, etsy = importing(organization, Refusal("invalid_receipt"))
    store_id = await organization.store()
    for number in range(12):
        await organization.receipt(store_id, f"r-{number}", due=True)
    etsy.opens.clear()
    etsy.limited_at = 8
    batch = OrderBatch(store_id=store_id, run_id=uuid4(), claim=uuid4())
    running = asyncio.create_task(ActivityEnvironment().run(imports.import_batch, batch))

    def busy() -> None:
        assert len(etsy.asked) >= 8

    await eventually(busy, 30)
    etsy.opens.set()
    with pytest.raises(ApplicationError) as postponed:
        await running
    assert (postponed.value.type, len(etsy.asked)) == ("RateLimited", 8)
    rows = await organization.rows("SELECT receipt, status, claim FROM sync_logs WHERE store_id = :id", id=store_id)
    assert {row.receipt for row in rows if row.status == "failed"} == set(etsy.asked[:7])
    assert {row.claim for row in rows if row.status == "pending"} == {None}


async def test_a_run_that_broke_off_has_failed_and_one_without_work_tells_nothing(organization: Organization) -> None:
    imports, _ = importing(organization, Refusal("invalid_receipt"))
    store_id = await organization.store()
    await end(imports, store_id, uuid4())
    assert await told(organization) == []
    await end(imports, store_id, uuid4(), aborted=True)
    assert await told(organization) == ["sync.failed"]


async def test_whoever_holds_a_receipt_is_waited_for(organization: Organization) -> None:
    imports, etsy = importing(organization, Refusal("invalid_receipt"))
    log, holder = await organization.receipt(await organization.store(), "r-1"), uuid4()
    ref = ReceiptRef(store_id=log.store_id, log_id=log.id, claim=uuid4())
    async with organization.database.begin() as connection:
        assert await receipts.claim(connection, log.id, holder, LEASE)
    with pytest.raises(ApplicationError) as refused:
        await ActivityEnvironment().run(imports.import_receipt, ref)
    assert (refused.value.type, etsy.asked) == ("ReceiptBusy", [])
    async with organization.database.begin() as connection:
        await receipts.release(connection, log.store_id, holder)
    assert (await ActivityEnvironment().run(imports.import_receipt, ref)).status == "failed"
    # A repeat whose worker died asks nobody again.
    assert (await ActivityEnvironment().run(imports.import_receipt, ref)).status == "failed"
    assert etsy.asked == ["r-1"]


async def test_a_marketplace_nobody_knows_is_a_permanent_failure(organization: Organization) -> None:
    imports, _ = importing(organization, Refusal("invalid_receipt"))
    store_id = await organization.store("ext-1", "bazaar")
    log = await organization.receipt(store_id, "r-1")
    ref = ReceiptRef(store_id=store_id, log_id=log.id, claim=uuid4())
    assert (await ActivityEnvironment().run(imports.import_receipt, ref)).status == "failed"
    (row,) = await organization.rows("SELECT error_details, next_retry_at FROM sync_logs WHERE id = :id", id=log.id)
    assert (row.error_details, row.next_retry_at) == ("unknown_marketplace", None)
