"""Recording a movement: once per operation, with a reason where it is refused."""

from __future__ import annotations

from typing import Any, Final

from api.errors import ApiError
from api.store.errors import InsufficientQuantity, ItemBusy, OperationReused, PreconditionFailed, SkuNotFound
from api.store.services import StoreServices
from db.store import stock
from db.store.stock import Movement, OperationKnown
from domain.store.stock import LocalRefusal, StockMoved, TooFew, refusal

_TRIES: Final = 5


async def record(services: StoreServices, movement: Movement) -> dict[str, Any]:
    """The answer, committed; that of the first time when the operation is known. Raises `ApiError`."""
    for _ in range(_TRIES):
        answer = await _move(services, movement)
        if answer is not None:
            services.measures.count_update()
            services.signals.notify(movement.store_id)
            return answer
        async with services.transaction() as connection:
            made = await stock.made(connection, movement.store_id, movement.operation_id)
            shelf = await stock.shelf(connection, movement.store_id, movement.sku)
        if made is not None:
            if (made.sku, made.delta, made.asked_version) != (movement.sku, movement.delta, movement.version):
                raise OperationReused(operation_id=str(movement.operation_id))
            return made.answer
        if (reason := refusal(shelf, movement.delta, movement.expected)) is not None:
            raise _answered(reason, movement.sku)
        # Somebody moved the item between our two looks, and now it would be possible.
    raise ItemBusy(sku=movement.sku)


async def _move(services: StoreServices, movement: Movement) -> dict[str, Any] | None:
    try:
        async with services.statement() as connection:
            return await stock.move(connection, movement)
    except OperationKnown:
        return None


def _answered(reason: LocalRefusal, sku: str) -> ApiError:
    if isinstance(reason, TooFew):
        return InsufficientQuantity(reason.available, reason.requested)
    if isinstance(reason, StockMoved):
        return PreconditionFailed(sku=sku, version=reason.version)
    return SkuNotFound(sku=sku)
