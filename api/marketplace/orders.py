"""Imports: one receipt each, answered from what is known, or asked for now when it is due."""

from __future__ import annotations

from fastapi import APIRouter

from api.marketplace.deps import ServicesDep, SyncTokenHeader, store_of_token
from api.marketplace.documentation import documented
from api.marketplace.services import MarketplaceServices
from api.marketplace.store_models import ImportedOrder, ImportFailure, ImportRequest
from db.ids import new_id
from db.marketplace import receipts
from db.marketplace.receipts import Receipt

router = APIRouter(prefix="/orders", tags=["orders"])


@router.post("/import", responses=documented(400, 404, 413, 429))
async def import_order(
    request: ImportRequest, services: ServicesDep, x_sync_token: SyncTokenHeader = None
) -> ImportedOrder | ImportFailure:
    """Import an order; what is settled is answered without asking the marketplace again."""
    async with services.transaction() as connection:
        store = await store_of_token(connection, request.sync_token, x_sync_token)
        receipt = await receipts.register(connection, store.id, request.receipt, log_id=new_id(), grace=services.grace)
    if _is_due(services, receipt) and await services.imports.ended(receipt):
        async with services.transaction() as connection:
            receipt = await receipts.find(connection, receipt.id) or receipt
    return _answer(receipt)


def _is_due(services: MarketplaceServices, receipt: Receipt) -> bool:
    if receipt.next_retry_at is None:
        return False
    return receipt.status == "pending" or receipt.next_retry_at <= services.clock()


def _answer(receipt: Receipt) -> ImportedOrder | ImportFailure:
    if receipt.status == "success":
        return ImportedOrder.model_validate(receipt)
    code = receipt.error_details or receipt.status
    return ImportFailure(error=code, next_retry_at=receipt.next_retry_at)
