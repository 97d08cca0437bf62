"""Putting new listings on sale, up to five thousand at once."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated
from uuid import UUID, uuid5

from fastapi import APIRouter, Header

from api.cards.change_models import ItemsAccepted, NewItems
from api.cards.deps import ServicesDep
from api.cards.intents import record
from api.cards.parameters import PREFIX
from api.deps import OwnerDep
from api.errors import documented
from api.parameters import Text
from db.cards import intents
from db.cards.intents import NewListing

router = APIRouter(prefix=PREFIX, tags=["changes"])

KeyHeader = Annotated[
    Text | None,
    Header(
        min_length=1, max_length=255, description="names this request: sent again with the same key it is done once"
    ),
]


@router.post(
    "/inventory/{user_id}/items", status_code=202, responses=documented(400, 401, 403, 404, 409, 413, 422, 429)
)
async def list_items(
    user_id: OwnerDep, request: NewItems, services: ServicesDep, idempotency_key: KeyHeader = None
) -> ItemsAccepted:
    """Put listings on sale at CardTrader. The inventory shows each one as soon as CardTrader has it."""
    operation_id = _operation_id(user_id, idempotency_key) or services.new_id()
    put_on_sale = partial(
        intents.put_on_sale,
        user_id=user_id,
        operation_id=operation_id,
        listings=[NewListing(item.blueprint_id, item.wanted()) for item in request.items],
        fingerprint=hashlib.sha256(request.model_dump_json().encode()).hexdigest(),
    )
    _, waiting = await record(services, user_id, put_on_sale, changes=len(request.items))
    return ItemsAccepted(task_id=str(operation_id), user_id=user_id, accepted=len(request.items), waiting_for=waiting)


def _operation_id(user_id: UUID, key: str | None) -> UUID | None:
    """The key decides the id of the operation, so the database itself lets a request be recorded once."""
    return None if key is None else uuid5(user_id, key)
