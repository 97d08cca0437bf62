"""Buying copies of an item: reserved here in one transaction, taken off CardTrader, then confirmed.

The caller says by `Idempotency-Key` which requests are the same purchase: whoever repeats one gets its answer, or
waits for it. A request that reserved nothing (400, 404) leaves no trace, and may be repeated with its key.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from api.cards.deps import ServicesDep
from api.cards.errors import IdempotencyConflict, InsufficientQuantity, ItemNotFound, ItemNotListed, PurchaseRefused
from api.cards.parameters import PREFIX
from api.cards.services import CardsServices
from api.deps import PrincipalDep, get_owner
from api.errors import InvalidInput, documented
from api.parameters import MAX_INT, Whole
from db.cards import purchases, reservations
from db.cards.purchases import Purchase
from db.cards.reservations import ItemUnlisted, ReservationError, SellerSuspended, TooFewCopies, Wanted
from domain.cards.purchases import sentence

router = APIRouter(prefix=PREFIX, tags=["purchases"])

CHECKOUT: Final = "checkout"
_MOST_ID: Final = 2**63 - 1
_KEY: Final = r"^[\x21-\x7e]+$"


class PurchaseRequest(BaseModel):
    """How many copies."""

    model_config = ConfigDict(extra="forbid")

    quantity: Whole = Field(
        ge=1,
        le=MAX_INT,
        validation_alias=AliasChoices("purchaseQuantity", "quantity"),
        description="copies to buy; `quantity` is taken as well",
    )


class Purchased(BaseModel):
    """The copies are sold."""

    status: Literal["purchased"] = Field("purchased", description="always purchased")
    task_id: str = Field(description="public id of the operation")
    item_id: int = Field(description="our id of the row")
    quantity_purchased: int = Field(description="copies bought")
    remaining_quantity: int = Field(description="copies left")
    message: str = Field("Purchase successful", description="one sentence")
    available: int = Field(description="the same as remaining_quantity")
    quantity_before: int = Field(description="copies there were when these were reserved")
    quantity_after: int = Field(description="the same as remaining_quantity")
    cardtrader_sync_queued: Literal[False] = Field(False, description="always false: CardTrader was told already")
    external_stock_id: str = Field(description="CardTrader's product id")
    error: None = Field(None, description="always null")


class PurchasePending(BaseModel):
    """The copies are reserved; whether they can be sold is not decided yet."""

    status: Literal["accepted"] = Field("accepted", description="always accepted")
    task_id: str = Field(description="public id of the operation; or repeat the request with its Idempotency-Key")
    item_id: int = Field(description="our id of the row")
    message: str = Field("Purchase not decided yet", description="one sentence")


SellerPath = Annotated[str, Path(description="the seller", json_schema_extra={"format": "uuid"})]


async def get_shop(principal: PrincipalDep, user_id: SellerPath) -> UUID:
    """The seller of the path: the caller, or any when the caller is the marketplace's checkout."""
    if CHECKOUT not in principal.roles:
        return await get_owner(principal, user_id)
    try:
        return UUID(user_id)
    except ValueError:
        raise InvalidInput("Invalid user_id format", field="user_id") from None


KeyHeader = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=_KEY,
        description="names this purchase: the same key again is the same purchase; chosen for you unless given",
    ),
]
_PENDING: Final[dict[int | str, dict[str, Any]]] = {202: {"model": PurchasePending}}


@router.post("/purchase/{user_id}/item/{item_id}", responses=_PENDING | documented(400, 401, 403, 404, 409, 413, 422))
async def purchase(
    user_id: Annotated[UUID, Depends(get_shop)],
    item_id: Annotated[int, Path(ge=1, le=_MOST_ID, description="our id of the row")],
    request: PurchaseRequest,
    services: ServicesDep,
    response: Response,
    idempotency_key: KeyHeader = None,
) -> Purchased | PurchasePending:
    """Buy copies of an item; undecided after ten seconds: 202."""
    key = idempotency_key or f"generated-{services.new_id()}"
    found = await _reserved(services, Wanted(user_id, item_id, request.quantity, key))
    # While changes are switched off nobody need wait: the relay starts what is reserved.
    if found.is_open and services.writes_enabled and await services.purchases.ended(found):
        found = await _again(services, found)
    if found.state == "refused":
        raise _refused(found)
    if found.state == "purchased":
        return _purchased(found)
    response.status_code = 202
    return PurchasePending(task_id=str(found.operation_id), item_id=found.item_id)


async def _reserved(services: CardsServices, wanted: Wanted) -> Purchase:
    """The reservation, or the purchase that the key named before."""
    try:
        async with services.transaction() as connection:
            return await reservations.reserve(connection, wanted, services.new_id())
    except ReservationError as refusal:
        async with services.transaction() as connection:
            earlier = await purchases.find_by_key(connection, wanted.user_id, wanted.idempotency_key)
        if earlier is None:
            raise _unreserved(refusal, wanted) from None
    if (earlier.item_id, earlier.quantity) != (wanted.item_id, wanted.quantity):
        raise IdempotencyConflict(task_id=str(earlier.operation_id))
    return earlier


async def _again(services: CardsServices, purchase: Purchase) -> Purchase:
    async with services.transaction() as connection:
        return await purchases.find(connection, purchase.operation_id) or purchase


def _unreserved(refusal: ReservationError, wanted: Wanted) -> Exception:
    item: dict[str, Any] = {"item_id": wanted.item_id, "user_id": str(wanted.user_id)}
    if isinstance(refusal, TooFewCopies):
        return InsufficientQuantity(available=refusal.available, requested=wanted.quantity, **item)
    if isinstance(refusal, ItemUnlisted):
        return ItemNotListed(**item)
    if isinstance(refusal, SellerSuspended):
        return PurchaseRefused(sentence("ACCOUNT_UNUSABLE"), reason="ACCOUNT_UNUSABLE", **item)
    return ItemNotFound(**item)


def _refused(purchase: Purchase) -> Exception:
    reason = purchase.reason or ""
    context: dict[str, Any] = {"item_id": purchase.item_id, "task_id": str(purchase.operation_id)}
    return PurchaseRefused(sentence(reason), reason=reason, **context)


def _purchased(purchase: Purchase) -> Purchased:
    remaining = purchase.remaining or 0
    return Purchased(
        task_id=str(purchase.operation_id),
        item_id=purchase.item_id,
        quantity_purchased=purchase.quantity,
        remaining_quantity=remaining,
        available=remaining,
        quantity_before=purchase.local_before,
        quantity_after=remaining,
        external_stock_id=str(purchase.product_id),
    )
