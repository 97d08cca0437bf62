"""Changing and deleting one listing: recorded here, then made at CardTrader, which has the last word."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from api.cards.change_models import EditRequest, ItemDeleted, ItemUpdated, Waiting
from api.cards.deps import ServicesDep
from api.cards.intents import IfMatch, ItemId, etag, record, versions
from api.cards.parameters import PREFIX
from api.deps import OwnerDep
from api.errors import documented
from db.cards import intents
from db.cards.intents import Recorded

router = APIRouter(prefix=PREFIX, tags=["changes"])

_ERRORS = documented(400, 401, 403, 404, 409, 412, 413, 422)
_EDIT_ERRORS = documented(400, 401, 403, 404, 409, 412, 413, 422, 429)


@router.put("/inventory/{user_id}/item/{item_id}", responses=_EDIT_ERRORS)
async def edit_item(
    user_id: OwnerDep,
    item_id: ItemId,
    request: EditRequest,
    services: ServicesDep,
    response: Response,
    if_match: IfMatch = None,
) -> ItemUpdated:
    """Change a listing. A quantity counts as the difference to what is known here, so a sale in between stays sold."""
    edit = partial(
        intents.edit,
        user_id=user_id,
        item_id=item_id,
        wish=request.wish(),
        versions=versions(if_match),
        operation_id=services.new_id(),
    )
    recorded, waiting = await record(services, user_id, edit, changes=1, item_id=item_id)
    response.headers["ETag"] = etag(recorded.row_version)
    return _updated(recorded, waiting)


@router.delete("/inventory/{user_id}/item/{item_id}", responses=_ERRORS)
async def delete_item(
    user_id: OwnerDep, item_id: ItemId, services: ServicesDep, if_match: IfMatch = None
) -> ItemDeleted:
    """Take a listing off sale: hidden here at once, deleted at CardTrader. Changes not sent yet are superseded."""
    remove = partial(
        intents.remove,
        user_id=user_id,
        item_id=item_id,
        versions=versions(if_match),
        operation_id=services.new_id(),
    )
    recorded, waiting = await record(services, user_id, remove, item_id=item_id)
    return ItemDeleted(**_queued(recorded, waiting))


def _updated(recorded: Recorded, waiting: Waiting | None) -> ItemUpdated:
    row = recorded.listing
    return ItemUpdated(
        **_queued(recorded, waiting),
        quantity=row.expected,
        quantity_on_sale=row.quantity,
        price_cents=row.price_cents,
        description=row.description,
        user_data_field=row.user_data_field,
        graded=row.graded,
        properties=dict(row.properties),
        row_version=recorded.row_version,
    )


def _queued(recorded: Recorded, waiting: Waiting | None) -> dict[str, object]:
    task_id = None if recorded.operation_id is None else str(recorded.operation_id)
    return {
        "item_id": recorded.item_id,
        "cardtrader_sync_queued": task_id is not None,
        "external_stock_id": recorded.external_stock_id,
        "sync_task_id": task_id,
        "task_id": task_id,
        "waiting_for": waiting if task_id else None,
    }
