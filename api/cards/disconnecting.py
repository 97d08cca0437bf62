"""Disconnecting a CardTrader account: first nothing new is begun, then what runs is stopped, then it is answered.

Each step may be repeated: who was told that the account is busy calls again.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from api.cards.deps import ServicesDep
from api.cards.errors import AccountBusy
from api.cards.parameters import PREFIX
from api.cards.services import CardsServices
from api.cards.state import latest_sync, linked_seller
from api.deps import OwnerDep
from api.errors import documented
from db.cards import disconnecting

router = APIRouter(prefix=PREFIX, tags=["link"])

Action = Literal["suspend", "remove"]


class DisconnectRequest(BaseModel):
    """How to disconnect."""

    model_config = ConfigDict(extra="forbid")

    action: Action = Field(
        "suspend", description="suspend keeps token and stock until the next link; remove forgets both"
    )


class Disconnected(BaseModel):
    """Nothing is read from or written to CardTrader for this account any more."""

    status: Literal["success"] = Field("success", description="always success")
    message: str = Field(description="one sentence")
    action: Action = Field(description="what was done")
    sync_status: Literal["idle"] = Field("idle", description="always idle")


_SUSPEND: Final = DisconnectRequest()
_MESSAGES: Final[dict[Action, str]] = {
    "suspend": "The account is suspended. Link it again to go on.",
    "remove": "The account, its token and its stock are removed. Its history is kept.",
}


@router.post("/disconnect/{user_id}", responses=documented(400, 401, 403, 404, 409, 413, 422))
async def disconnect(
    user_id: OwnerDep, services: ServicesDep, body: Annotated[DisconnectRequest, Body()] = _SUSPEND
) -> Disconnected:
    """Stop all work for the seller's CardTrader account, and keep it or forget it."""
    await linked_seller(services, user_id)
    async with services.transaction() as connection:
        await disconnecting.suspend(connection, user_id)
    await _stop(services, user_id)
    if body.action == "remove":
        await _remove(services, user_id)
    async with services.transaction() as connection:
        await disconnecting.rest(connection, user_id)
    return Disconnected(message=_MESSAGES[body.action], action=body.action)


async def _stop(services: CardsServices, user_id: UUID) -> None:
    async def nothing_runs() -> bool:
        return not await _syncs(services, user_id) and await _is_quiet(services, user_id)

    if not await services.accounts.until(nothing_runs):
        raise AccountBusy(user_id=str(user_id))


async def _syncs(services: CardsServices, user_id: UUID) -> bool:
    """Whether a bulk sync still runs, or was registered and is about to; it is asked to stop."""
    running = await services.syncs.running(user_id)
    if running is not None:
        await services.syncs.cancel(user_id, running)
        return True
    newest = await latest_sync(services, user_id)
    return newest is not None and newest.is_open


async def _is_quiet(services: CardsServices, user_id: UUID) -> bool:
    """Whether no round of the account's workflow and no purchase is under way."""
    async with services.transaction() as connection:
        buying = await disconnecting.has_open_purchase(connection, user_id)
    return not buying and await services.accounts.is_quiet(user_id)


async def _remove(services: CardsServices, user_id: UUID) -> None:
    """The stock goes in bites, so that none takes long; the token goes last, so that a repeat can finish."""
    more = True
    while more:
        async with services.transaction() as connection:
            more = await disconnecting.drop_stock(connection, user_id)
    async with services.transaction() as connection:
        if not await disconnecting.remove(connection, user_id, blank_token=services.vault.encrypt("")):
            raise AccountBusy("The account was linked again meanwhile.", user_id=str(user_id))
