"""Stores: registered once, listed, and how their imports go."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.deps import PrincipalDep
from api.marketplace.deps import (
    LimitQuery,
    OrganizationDep,
    ServicesDep,
    StorePath,
    SyncTokenHeader,
    own_store,
    require_organization,
    store_of_token,
)
from api.marketplace.documentation import documented
from api.marketplace.fields import RECEIPT_LOG, STORE, SYNC_TOKEN
from api.marketplace.store_models import (
    LogEntry,
    LogPage,
    RegisteredStore,
    StoreEntry,
    StorePage,
    StoreRegistration,
    SyncStatus,
)
from db.ids import new_id
from db.marketplace import receipts, stores
from db.marketplace.stores import Registration
from domain.marketplace.receipts import ReceiptState

router = APIRouter(prefix="/stores", tags=["stores"])


@router.post("/register", responses=documented(400, 401, 403, 413))
async def register_store(
    principal: PrincipalDep, registration: StoreRegistration, services: ServicesDep
) -> RegisteredStore:
    """Register a store, or renew one: its id and its token stay the same."""
    require_organization(principal, registration.organization_id)
    fields = registration.model_dump(exclude={"access_token"})
    wanted = Registration(**fields, access_token_encrypted=services.vault.encrypt(registration.access_token))
    async with services.transaction() as connection:
        # The token authorises by itself, so nothing of it may be guessed: random, not of this moment.
        found = await stores.register(connection, wanted, store_id=new_id(), sync_token=services.new_id())
    return RegisteredStore(store_id=found[0], sync_token=found[1])


@router.get("/sync-status", responses=documented(400, 404, 429))
async def sync_status(
    services: ServicesDep,
    sync_token: Annotated[
        UUID | None, Query(alias="syncToken", description="of the store", examples=[SYNC_TOKEN])
    ] = None,
    x_sync_token: SyncTokenHeader = None,
) -> SyncStatus:
    """The status of a store, by its 20 latest attempts."""
    async with services.transaction() as connection:
        store = await store_of_token(connection, sync_token, x_sync_token)
        limited = await stores.rate_limited(connection, store.id)
    return SyncStatus(
        last_sync_at=store.last_sync_at,
        imported_orders=store.imported_success_count,
        sync_status=store.sync_status,
        rate_limited_count=limited,
    )


@router.get("", responses=documented(400, 401, 403))
async def list_stores(
    organization_id: OrganizationDep,
    services: ServicesDep,
    limit: LimitQuery = 100,
    after: Annotated[UUID | None, Query(description="where the last page ended", examples=[STORE])] = None,
) -> StorePage:
    """The organisation's stores."""
    async with services.transaction() as connection:
        found = await stores.list_for(connection, organization_id, limit=limit, after=after)
    return StorePage(
        stores=[StoreEntry.model_validate(store) for store in found],
        next_after=found[-1].id if len(found) == limit else None,
    )


@router.get("/{storeId}/logs", responses=documented(400, 401, 404))
async def list_logs(
    store_id: StorePath,
    principal: PrincipalDep,
    services: ServicesDep,
    limit: LimitQuery = 100,
    status: Annotated[ReceiptState | None, Query(description="only these", examples=["rate_limited"])] = None,
    before: Annotated[UUID | None, Query(description="where the last page ended", examples=[RECEIPT_LOG])] = None,
) -> LogPage:
    """A store's receipts."""
    async with services.transaction() as connection:
        await own_store(connection, principal, store_id)
        found = await receipts.list_for(connection, store_id, limit=limit, status=status, before=before)
    return LogPage(
        logs=[LogEntry.model_validate(log) for log in found],
        next_before=found[-1].id if len(found) == limit else None,
    )
