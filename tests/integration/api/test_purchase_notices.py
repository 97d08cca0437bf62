"""A buyer is answered when the purchase is decided, not when its workflow has ended; unheard, the end still tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from api.cards.purchase_runs import PurchaseRuns
from api.cards.services import CardsServices
from db.cards import purchases, reservations
from db.cards.purchases import Purchase
from db.cards.reservations import Wanted
from db.notices import Notices
from tests.helpers.api_seller import Seller
from tests.helpers.fake_till import FakeTill
from tests.helpers.fake_till import serving as worker
from tests.helpers.waiting import eventually
from tests.integration.api.test_purchasing import stocked
from workflows.cards.contracts import purchase_id

DEADLINE = 10.0


@pytest.fixture
async def notices(services: CardsServices) -> AsyncIterator[Notices]:
    """Listening."""
    async with Notices(services.database, purchases.ENDED).running() as running:

        def listening() -> None:
            assert running.is_listening

        await eventually(listening)
        yield running


async def reserved(seller: Seller) -> Purchase:
    """A purchase of one copy."""
    wanted = Wanted(seller.user_id, await stocked(seller), 1, str(uuid4()))
    async with seller.services.transaction() as connection:
        return await reservations.reserve(connection, wanted, uuid4())


@pytest.mark.parametrize("decision", ["purchased", "refused"])
async def test_the_decision_is_noticed_while_the_workflow_still_runs(
    seller: Seller, temporal_client: Client, notices: Notices, decision: str
) -> None:
    purchase = await reserved(seller)
    waiting = asyncio.create_task(PurchaseRuns(temporal_client, notices, patience=DEADLINE).ended(purchase))
    handle = temporal_client.get_workflow_handle(purchase_id(seller.user_id, purchase.idempotency_key))
    async with seller.services.transaction() as connection:
        taking = await purchases.advance(connection, purchase.operation_id)
        assert taking is not None
        if decision == "refused":
            await purchases.refuse(connection, taking, "CARDTRADER_REFUSED")
        else:
            await purchases.note_sending(connection, taking, 5)
            await purchases.confirm(connection, taking, 4)
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
    assert await asyncio.wait_for(waiting, 1)
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await handle.terminate()


async def test_unheard_the_end_of_the_workflow_tells(
    seller: Seller, services: CardsServices, temporal_client: Client
) -> None:
    unheard = Notices(services.database, purchases.ENDED)
    await _told_by_the_end(PurchaseRuns(temporal_client, unheard, patience=DEADLINE), seller, temporal_client)


async def test_a_notice_that_was_lost_is_made_up_for_by_the_end(
    seller: Seller, temporal_client: Client, notices: Notices
) -> None:
    await _told_by_the_end(PurchaseRuns(temporal_client, notices, patience=DEADLINE), seller, temporal_client)


async def _told_by_the_end(runs: PurchaseRuns, seller: Seller, temporal_client: Client) -> None:
    till, purchase = FakeTill(), await reserved(seller)
    till.gate.clear()
    async with worker(temporal_client, till):
        waiting = asyncio.create_task(runs.ended(purchase))

        def taken() -> None:
            # Purchases that other tests left without a worker come here too.
            assert purchase.operation_id in till.seen

        await eventually(taken)
        assert not waiting.done()
        till.gate.set()
        assert await asyncio.wait_for(waiting, DEADLINE)
