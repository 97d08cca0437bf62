"""Reconciling by hand and its reports, against a real Temporal and PostgreSQL; no worker runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client

from api.cards.syncs import BulkSyncs
from api.errors import TemporalUnavailable
from api.main import create_app
from db.cards import drift
from db.cards.tables import sync_operations
from domain.cards.drift import NO_EVIDENCE, Listing, extra, missing
from tests.helpers.api import FakeSyncs, error_of, opening, serving, settings_for_tests
from tests.helpers.api_seller import Seller
from workflows.cards.contracts import bulk_sync_id, reconcile_blueprint_id
from workflows.cards.starting import MEMO_OPERATION

PATH = "/sync-from-cardtrader/{user}"
OPERATIONS = (
    "SELECT operation_id, operation_type, operation_metadata FROM sync_operations WHERE user_id = :user_id ORDER BY id"
)
SUMMARY = {"equal": 5, "corrected": 0, "missing": 1, "extra": 2, "causes": {"edited_on_cardtrader": 3}}


@pytest.mark.parametrize("dry_run", [False, True])
async def test_the_whole_stock_is_queued_as_a_periodic_sync(
    seller: Seller, temporal_client: Client, dry_run: bool
) -> None:
    answer = await seller.post(PATH, dry_run=dry_run)
    assert answer.status_code == 202
    task_id = answer.json()["task_id"]
    assert answer.json() == {
        "status": "accepted",
        "task_id": task_id,
        "user_id": str(seller.user_id),
        "blueprint_id": None,
        "message": "Sync from CardTrader queued",
    }
    metadata = {"mode": "periodic_sync", "force": False, **({"dry_run": True} if dry_run else {})}
    assert [tuple(row) for row in await seller.rows(OPERATIONS)] == [(task_id, "periodic_sync", metadata)]
    description = await temporal_client.get_workflow_handle(bulk_sync_id(seller.user_id)).describe()
    assert await description.memo_value(MEMO_OPERATION) == task_id
    assert await description.static_summary() == ("Reconciliation, dry run" if dry_run else "Reconciliation")
    progress = (await seller.get("/progress/{user}")).json()
    assert (progress["operation_id"], progress["dry_run"]) == (task_id, dry_run)


async def test_it_waits_for_no_other_sync(seller: Seller) -> None:
    first = (await seller.post("/start/{user}")).json()["task_id"]
    error = error_of(await seller.post(PATH), 409)
    assert (error["code"], error["context"]["task_id"]) == ("SYNC_IN_PROGRESS", first)
    assert len(await seller.rows(OPERATIONS)) == 1


async def test_one_blueprint_has_a_workflow_of_its_own(seller: Seller, temporal_client: Client) -> None:
    whole = (await seller.post("/start/{user}")).json()["task_id"]
    answer = await seller.post(PATH, blueprint_id=7, dry_run=True)
    assert (answer.status_code, answer.json()["blueprint_id"]) == (202, 7)
    task_id = answer.json()["task_id"]
    handle = temporal_client.get_workflow_handle(reconcile_blueprint_id(seller.user_id, 7))
    description = await handle.describe()
    assert await description.memo_value(MEMO_OPERATION) == task_id
    assert await description.static_summary() == "Reconciliation of one blueprint, dry run"
    assert (await seller.get(f"/task/{task_id}")).json()["status"] == "PENDING"
    # It is no sync of the stock: neither the latest one, nor in its way.
    assert (await seller.get("/progress/{user}")).json()["operation_id"] == whole
    again = error_of(await seller.post(PATH, blueprint_id=7), 409)
    assert again["code"] == "SYNC_IN_PROGRESS"
    assert [row.operation_id for row in await seller.rows(OPERATIONS)] == [whole, task_id]
    await handle.terminate()


async def test_a_blueprint_that_was_told_to_be_reconciled_is_no_obstacle(
    seller: Seller, temporal_client: Client
) -> None:
    """Its workflow closes a moment after its operation."""
    handle = temporal_client.get_workflow_handle(reconcile_blueprint_id(seller.user_id, 7))

    async def close(_: float) -> None:
        await handle.terminate()

    services = replace(seller.services, syncs=BulkSyncs(temporal_client, sleep=close))
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        here = replace(seller, http=http)
        first = (await here.post(PATH, blueprint_id=7)).json()["task_id"]
        assert error_of(await here.post(PATH, blueprint_id=7), 409)["context"]["task_id"] == first
        await here.rows("UPDATE sync_operations SET status = 'completed' WHERE user_id = :user_id RETURNING 1")
        assert (await here.post(PATH, blueprint_id=7)).status_code == 202
    await handle.terminate()


@pytest.mark.parametrize("params", [{}, {"blueprint_id": 7}])
async def test_unlinked_and_suspended_accounts_have_nothing_to_reconcile(
    seller: Seller, params: dict[str, Any]
) -> None:
    stranger = replace(seller, user_id=uuid4())
    assert error_of(await stranger.post(PATH, **params), 404)["code"] == "SYNC_NOT_FOUND"
    await seller.update_settings("suspended_at = now()")
    assert error_of(await seller.post(PATH, **params), 404)["code"] == "SYNC_NOT_FOUND"
    assert await seller.rows(OPERATIONS) == []


@pytest.mark.parametrize("blueprint_id", [0, -1, 2**31 - 1, "x"])
async def test_a_blueprint_that_cannot_be_is_refused(seller: Seller, blueprint_id: object) -> None:
    assert (await seller.post(PATH, blueprint_id=blueprint_id)).status_code == 422


async def test_a_start_that_failed_closes_its_operation(seller: Seller) -> None:
    services = replace(seller.services, syncs=FakeSyncs(start_error=TemporalUnavailable()))
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        there = replace(seller, http=http)
        assert error_of(await there.post(PATH, blueprint_id=7), 503)["code"] == "TEMPORAL_UNAVAILABLE"
        [row] = await there.rows("SELECT status FROM sync_operations WHERE user_id = :user_id")
    assert row.status == "failed"


# --- reports


async def reported(seller: Seller, **metadata: Any) -> str:
    """A reconciliation that ended with a report of three differences."""
    operation_id = uuid4()
    story = {"mode": "periodic_sync", "drift": SUMMARY, "phase": "done", **metadata}
    async with seller.services.transaction() as connection:
        drifts = [extra(Listing(7, 1, 2, 3, {})), missing(Listing(7, 2, 2, 3, {}), NO_EVIDENCE, orders_read=True)]
        await drift.record(connection, seller.user_id, operation_id, [*drifts, extra(Listing(8, 3, 1, 1, {}))])
    await seller.add(
        sync_operations,
        operation_id=str(operation_id),
        operation_type="periodic_sync",
        status="completed",
        operation_metadata=story,
    )
    return str(operation_id)


async def test_the_latest_report_is_shown_and_earlier_ones_by_name(seller: Seller) -> None:
    first = await reported(seller, dry_run=True)
    latest = await reported(seller)
    seen = (await seller.get("/drift/{user}")).json()
    assert (seen["operation_id"], seen["dry_run"], seen["state"]) == (latest, False, "completed")
    assert seen["summary"] == {**SUMMARY, "contested": 0, "missed_orders": 0}
    assert [item["product_id"] for item in seen["items"]] == [1, 2, 3]
    assert seen["items"][0] == {
        "kind": "extra",
        "blueprint_id": 7,
        "product_id": 1,
        "field": "",
        "old": None,
        "new": {"quantity": 2, "price_cents": 3},
        "cause": "edited_on_cardtrader",
    }
    earlier = (await seller.get("/drift/{user}", operation_id=first)).json()
    assert (earlier["operation_id"], earlier["dry_run"]) == (first, True)


async def test_a_report_is_read_in_pages_and_by_kind(seller: Seller) -> None:
    await reported(seller)
    page = (await seller.get("/drift/{user}", limit=2)).json()
    rest = (await seller.get("/drift/{user}", limit=2, cursor=page["next_cursor"])).json()
    assert [item["product_id"] for item in page["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next_cursor"] is None
    missing_only = (await seller.get("/drift/{user}", kind="missing")).json()["items"]
    assert [item["product_id"] for item in missing_only] == [2]
    assert (await seller.get("/drift/{user}", cause="unknown")).json()["items"] == []


async def test_no_report_and_the_report_of_another_are_unknown(
    seller: Seller, new_seller: Callable[[], Awaitable[Seller]]
) -> None:
    assert error_of(await seller.get("/drift/{user}"), 404)["code"] == "NOT_FOUND"
    theirs = await reported(await new_seller())
    error = error_of(await seller.get("/drift/{user}", operation_id=theirs), 404)
    assert error["context"] == {"resource_type": "drift_report", "resource_id": theirs}
    plain = await seller.operation("completed")
    assert (await seller.get("/drift/{user}", operation_id=plain)).status_code == 404


@pytest.mark.parametrize(
    ("params", "status"), [({"operation_id": "x"}, 422), ({"cursor": "!"}, 400), ({"kind": "lost"}, 422)]
)
async def test_bad_questions_are_refused(seller: Seller, params: dict[str, str], status: int) -> None:
    await reported(seller)
    assert (await seller.get("/drift/{user}", **params)).status_code == status


def test_the_id_of_a_targeted_workflow_names_seller_and_blueprint() -> None:
    assert reconcile_blueprint_id(UUID(int=1), 7) == f"reconcile:{UUID(int=1)}:7"
