"""The shop's items, and moving them: answered from our own database, whether or not central can be reached."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response

from api.errors import documented
from api.store.deps import ServicesDep, StoreDep
from api.store.errors import SkuNotFound
from api.store.models import Item, ItemBody, Items, Moved, Operation, Operations, UpdateBody
from api.store.moving import record
from api.store.parameters import (
    PREFIX,
    CursorQuery,
    IfMatch,
    LimitQuery,
    Sku,
    encode_cursor,
    etag,
    id_cursor,
    sku_cursor,
    versions,
)
from db.store import reports, stock
from db.store.stock import Movement

router = APIRouter(prefix=f"{PREFIX}/inventory", tags=["inventory"])


@router.get("", responses=documented(400, 401, 403, 422))
async def list_items(
    store_id: StoreDep, services: ServicesDep, limit: LimitQuery = 100, cursor: CursorQuery = None
) -> Items:
    """The items, by SKU."""
    after = sku_cursor(cursor)
    async with services.transaction() as connection:
        found = await stock.page(connection, store_id, after=after, limit=limit + 1)
    page = found[:limit]
    return Items(
        items=[Item.of(item) for item in page],
        next_cursor=encode_cursor(page[-1].sku) if len(found) > limit else None,
    )


@router.get("/{sku}", responses=documented(401, 403, 404, 422))
async def get_item(store_id: StoreDep, sku: Sku, services: ServicesDep, response: Response) -> Item:
    """One item."""
    async with services.transaction() as connection:
        found = await stock.find(connection, store_id, sku)
    if found is None:
        raise SkuNotFound(sku=sku)
    response.headers["ETag"] = etag(found.version)
    return Item.of(found)


@router.put("/{sku}", responses=documented(400, 401, 403, 413, 422) | {201: {"model": Item}})
async def put_item(store_id: StoreDep, sku: Sku, body: ItemBody, services: ServicesDep, response: Response) -> Item:
    """Create an item without stock, or rename it. What central has of a new one is read soon."""
    async with services.transaction() as connection:
        is_new = await stock.put(connection, store_id, sku, body.name)
        found = await stock.find(connection, store_id, sku)
    if found is None:
        raise SkuNotFound(sku=sku)
    if is_new:
        services.signals.notify(store_id)
        response.status_code = HTTPStatus.CREATED
    return Item.of(found)


@router.post("/{sku}/update", responses=documented(400, 401, 403, 404, 409, 412, 413, 422))
async def update_item(
    store_id: StoreDep,
    sku: Sku,
    body: UpdateBody,
    services: ServicesDep,
    response: Response,
    if_match: IfMatch = None,
) -> Moved:
    """Move stock. Central hears of it as soon as it can be reached."""
    operation_id = body.operation_id or services.new_id()
    movement = Movement(store_id, sku, body.delta, operation_id, body.version, versions(if_match))
    moved = Moved.told(operation_id, await record(services, movement))
    response.headers["ETag"] = etag(moved.version)
    return moved


@router.get("/{sku}/operations", responses=documented(400, 401, 403, 404, 422))
async def list_operations(
    store_id: StoreDep, sku: Sku, services: ServicesDep, limit: LimitQuery = 100, cursor: CursorQuery = None
) -> Operations:
    """An item's movements, newest first."""
    before = id_cursor(cursor)
    async with services.transaction() as connection:
        item = await stock.find(connection, store_id, sku)
        if item is None:
            raise SkuNotFound(sku=sku)
        found = await reports.of_item(connection, store_id, item.id, before=before, limit=limit + 1)
    return operations_page(found, limit)


def operations_page(found: list[reports.Operation], limit: int) -> Operations:
    """Up to `limit` of the rows; one more tells that there is another page."""
    page = found[:limit]
    return Operations(
        operations=[Operation.of(one) for one in page],
        next_cursor=encode_cursor(page[-1].id) if len(found) > limit else None,
    )
