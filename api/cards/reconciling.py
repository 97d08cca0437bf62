"""Reconciling by hand: the whole stock as a periodic sync would, or one blueprint; also without changing anything."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.cards.deps import ServicesDep
from api.cards.models import Accepted
from api.cards.parameters import PREFIX
from api.cards.services import CardsServices
from api.cards.starting import launch, make_way, start_sync
from api.cards.state import linked_seller
from api.deps import OwnerDep
from api.errors import documented
from api.parameters import MAX_INT
from db.cards.sellers import Seller
from workflows.cards.contracts import ReconcileBlueprint

router = APIRouter(prefix=PREFIX, tags=["reconciliation"])


class ReconcileAccepted(Accepted):
    """The reconciliation was accepted; its report comes at `/drift/{user_id}?operation_id=<task_id>`."""

    blueprint_id: int | None = Field(description="the only blueprint it looks at; null: all")


@router.post("/sync-from-cardtrader/{user_id}", status_code=202, responses=documented(400, 401, 403, 404, 409, 422))
async def sync_from_cardtrader(
    user_id: OwnerDep,
    services: ServicesDep,
    blueprint_id: Annotated[int | None, Query(ge=1, lt=MAX_INT, description="only this blueprint")] = None,
    dry_run: Annotated[bool, Query(description="report what differs, and change nothing")] = False,
) -> ReconcileAccepted:
    """Bring the seller's stock to what CardTrader shows, and report what differed."""
    seller = await linked_seller(services, user_id)
    if blueprint_id is None:
        operation_id = await start_sync(services, seller, mode="periodic_sync", dry_run=dry_run)
    else:
        operation_id = await _start_blueprint(services, seller, blueprint_id, dry_run=dry_run)
    return ReconcileAccepted(
        task_id=str(operation_id), user_id=user_id, blueprint_id=blueprint_id, message="Sync from CardTrader queued"
    )


async def _start_blueprint(services: CardsServices, seller: Seller, blueprint_id: int, *, dry_run: bool) -> UUID:
    async def run(operation_id: UUID) -> None:
        request = ReconcileBlueprint(
            user_id=seller.user_id, operation_id=operation_id, blueprint_id=blueprint_id, dry_run=dry_run
        )
        await services.syncs.start_blueprint(request)

    await make_way(services, seller, blueprint_id=blueprint_id)
    metadata = {"mode": "periodic_sync", "blueprint_id": blueprint_id, "dry_run": dry_run}
    return await launch(services, seller, "periodic_sync", metadata, run)
