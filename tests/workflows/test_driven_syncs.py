"""Whether a workflow works for an operation, as Temporal tells it; no worker runs."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from temporalio.client import Client

from activities.cards.sync_relay import asking
from db.cards.open_syncs import OpenSync
from workflows.cards.contracts import BulkSyncInput, ReconcileBlueprint, bulk_sync_id, reconcile_blueprint_id
from workflows.cards.starting import start_bulk_sync, start_reconcile_blueprint

CALL = timedelta(seconds=5)


async def test_only_the_operation_of_the_run_is_driven(temporal_client: Client, start: BulkSyncInput) -> None:
    is_driven, user_id = asking(temporal_client), start.user_id
    whole, blueprint = OpenSync(user_id, start.operation_id, None), OpenSync(user_id, uuid4(), 7)
    assert not await is_driven(whole)
    await start_bulk_sync(temporal_client, start, timeout=CALL)
    assert await is_driven(whole)
    assert not await is_driven(OpenSync(user_id, uuid4(), None))
    assert not await is_driven(blueprint)
    request = ReconcileBlueprint(user_id=user_id, operation_id=blueprint.operation_id, blueprint_id=7)
    await start_reconcile_blueprint(temporal_client, request, timeout=CALL)
    assert await is_driven(blueprint)
    for name in (bulk_sync_id(user_id), reconcile_blueprint_id(user_id, 7)):
        await temporal_client.get_workflow_handle(name).terminate()
    assert not await is_driven(whole)
    assert not await is_driven(blueprint)
