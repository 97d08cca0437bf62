"""What the routes that record intents share: preconditions, refusals as answers, and what an intent waits for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import Header, Path
from sqlalchemy.ext.asyncio import AsyncConnection

from api.cards.change_models import Waiting
from api.cards.errors import (
    IdempotencyConflict,
    ItemNotFound,
    ItemNotListed,
    ItemReserved,
    PlanNotFound,
    PreconditionFailed,
    SyncNotFound,
)
from api.cards.errors import PlanDecided as PlanDecidedAnswer
from api.cards.services import CardsServices
from api.cards.state import is_disconnected
from api.cards.transacting import in_transaction
from api.errors import ApiError, InvalidInput
from api.parameters import MAX_BIGINT
from db.cards import change_reports, sellers
from db.cards.intents import Versions
from db.cards.sellers import Seller
from domain.cards.edits import (
    CopiesReserved,
    IntentRefused,
    KeyReused,
    NotListed,
    PlanDecided,
    ReadOnlyProperty,
    UnknownItem,
    UnknownPlan,
    VersionMoved,
)
from domain.cards.sync_errors import BLOCKING
from workflows.cards.poking import Matter

T = TypeVar("T")

ItemId = Annotated[int, Path(ge=1, le=MAX_BIGINT, description="our id of the row")]
IfMatch = Annotated[
    str | None, Header(max_length=1000, description='row_version(s) the change is meant for, as in `"7"`; `*` is any')
]
_TAG: Final = re.compile(r'\s*"?([0-9]{1,10})"?\s*')


def versions(if_match: str | None) -> Versions:
    """The versions an If-Match header accepts; None is any. What is none of our tags matches nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (_TAG.fullmatch(tag) for tag in if_match.split(","))
    return frozenset(int(tag[1]) for tag in tags if tag)


def etag(row_version: int) -> str:
    """The header of one version."""
    return f'"{row_version}"'


async def record(
    services: CardsServices,
    user_id: UUID,
    work: Callable[[AsyncConnection], Awaitable[T]],
    *,
    matter: Matter = "changes",
    changes: int = 0,
    **context: Any,
) -> tuple[T, Waiting | None]:
    """Commit what a linked seller wants, and have it done; what it waits for. Raises `ApiError`.

    `changes`: how many there must be room for; what takes something back always has room.
    """
    if changes:
        await services.change_room.take(user_id, changes, partial(_open_changes, services, user_id))

    async def recorded(connection: AsyncConnection) -> tuple[T, Seller]:
        seller = await sellers.find(connection, user_id)
        if seller is None:
            raise SyncNotFound(user_id=str(user_id))
        return await work(connection), seller

    with _answered(user_id=str(user_id), **context):
        done, seller = await in_transaction(services, recorded)
    services.signals.notify(user_id, matter)
    return done, _waiting(services, seller)


async def _open_changes(services: CardsServices, user_id: UUID) -> int:
    async with services.transaction() as connection:
        return await change_reports.count_open(connection, user_id)


def _waiting(services: CardsServices, seller: Seller) -> Waiting | None:
    if seller.suspended_at is not None:
        return "RESUME"
    if is_disconnected(services, seller) or (seller.sync_status == "error" and seller.last_error in BLOCKING):
        return "LINK"
    return None if services.writes_enabled else "WRITES_ENABLED"


@contextmanager
def _answered(**context: Any) -> Iterator[None]:
    """Refusals become answers."""
    try:
        yield
    except VersionMoved as moved:
        raise PreconditionFailed(**context, row_version=moved.row_version) from None
    except CopiesReserved as reserved:
        raise ItemReserved(**context, reserved_quantity=reserved.reserved) from None
    except ReadOnlyProperty as read_only:
        message = f"{read_only.name} describes the print and cannot be chosen."
        raise InvalidInput(message, field=f"properties.{read_only.name}") from None
    except PlanDecided as decided:
        raise PlanDecidedAnswer(**context, state=decided.state) from None
    except IntentRefused as refused:
        raise _PLAIN[type(refused)](**context) from None


_PLAIN: Final[dict[type[IntentRefused], type[ApiError]]] = {
    UnknownItem: ItemNotFound,
    NotListed: ItemNotListed,
    KeyReused: IdempotencyConflict,
    UnknownPlan: PlanNotFound,
}
