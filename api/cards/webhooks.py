"""Webhooks of CardTrader: verified before they are read, stored before they are acknowledged, worked off later.

Whoever cannot sign gets one answer, whether or not the account exists.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request
from pydantic import BaseModel, Field

from api.cards.deps import ServicesDep
from api.cards.errors import WebhookRejected
from api.cards.intake import SecretReplaced, take_in
from api.cards.parameters import PREFIX
from api.cards.senders import Address, Sender
from api.cards.services import CardsServices
from api.cards.state import linked_seller
from api.deps import OwnerDep
from api.errors import BodyTooLarge, InvalidInput, documented
from db.cards import sellers
from domain.cards.orders import Event, MalformedEvent, read_event

router = APIRouter(prefix=PREFIX, tags=["webhooks"])

MAX_WEBHOOK_BYTES: Final = 2**20
_MOST_LOOKS: Final = 3
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "the webhook as CardTrader sends it, at most 1 MiB",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_ANSWERS: Final = documented(400, 401, 409, 413, 422, 429)

SignatureHeader = Annotated[
    str, Header(description="base64 of HMAC-SHA256 over the raw body, keyed by the app's secret")
]


class WebhookTaken(BaseModel):
    """The webhook is stored; `duplicate` when it was before."""

    status: Literal["accepted", "duplicate"] = Field(description="accepted, or duplicate for a replay")
    webhook_id: str = Field(description="CardTrader's id of the call")
    user_id: UUID = Field(description="the seller")
    processing_time_ms: float = Field(description="how long this took, in milliseconds")


class Instructions(BaseModel):
    """What to do on CardTrader's site."""

    step_1: str = Field("Go to https://www.cardtrader.com/it/full_api_app", description="first")
    step_2: str = Field("Copy the webhook URL below", description="second")
    step_3: str = Field("Paste it in the 'Indirizzo del tuo endpoint webhook' field", description="third")
    step_4: str = Field("Click 'Salva l'endpoint del Webhook'", description="last")
    note: str = Field("Webhooks are verified with the secret of your CardTrader app.", description="good to know")


class WebhookAddress(BaseModel):
    """Where CardTrader is to send webhooks."""

    user_id: UUID = Field(description="the seller")
    webhook_url: str = Field(description="address to enter at CardTrader")
    instructions: Instructions = Field(default_factory=Instructions, description="how to enter it")
    webhook_secret_configured: bool = Field(description="whether webhooks can be verified")


@router.get("/webhook-url/{user_id}", responses=documented(400, 401, 403, 404, 422))
async def webhook_url(user_id: OwnerDep, services: ServicesDep) -> WebhookAddress:
    """The address to enter on CardTrader's settings page."""
    seller = await linked_seller(services, user_id)
    return WebhookAddress(
        user_id=user_id,
        webhook_url=f"{services.public_base_url}{PREFIX}/webhook/user/{user_id}",
        webhook_secret_configured=seller.webhook_secret is not None,
    )


@router.post("/webhook/user/{user_id}", responses=_ANSWERS, openapi_extra=_BODY)
async def webhook_of_user(
    user_id: Annotated[str, Path(description="the seller")],
    request: Request,
    services: ServicesDep,
    signature: SignatureHeader = "",
) -> WebhookTaken:
    """Take a webhook in; signed by the seller's CardTrader app, no JWT."""
    return await _webhook(services, request, signature, Address("user_id", user_id))


@router.post("/webhook/{webhook_id}", responses=_ANSWERS, openapi_extra=_BODY)
async def webhook(
    webhook_id: Annotated[str, Path(description="the account's unguessable webhook id")],
    request: Request,
    services: ServicesDep,
    signature: SignatureHeader = "",
) -> WebhookTaken:
    """Take a webhook in at an address that does not name the seller."""
    return await _webhook(services, request, signature, Address("webhook_id", webhook_id))


async def _webhook(services: CardsServices, request: Request, signature: str, address: Address) -> WebhookTaken:
    started = time.perf_counter()
    body = await _raw_body(request)
    sender, event, is_new = await _taken_in(services, address, body, signature)
    if is_new:
        services.signals.notify(sender.user_id)
    return WebhookTaken(
        status="accepted" if is_new else "duplicate",
        webhook_id=event.id,
        user_id=sender.user_id,
        processing_time_ms=round((time.perf_counter() - started) * 1000, 2),
    )


async def _taken_in(
    services: CardsServices, address: Address, body: bytes, signature: str
) -> tuple[Sender, Event, bool]:
    """Under the account's secret of now: one that is replaced between the look and the writing is looked up again."""
    for _ in range(_MOST_LOOKS):
        sender = await _verified(services, address, body, signature)
        event = _read(body)
        try:
            return sender, event, await take_in(services, sender, event, body)
        except SecretReplaced:
            services.senders.forget(address)
    raise WebhookRejected


async def _verified(services: CardsServices, address: Address, body: bytes, signature: str) -> Sender:
    """Who signed the body; the database is asked where what is remembered does not match."""
    sender = services.senders.known(address)
    if sender is not None and services.signatures.is_valid(body, signature, sender.secret):
        return sender
    sender = await _look_up(services, address) if signature else None
    if not services.signatures.is_valid(body, signature, sender.secret if sender else None) or sender is None:
        raise WebhookRejected
    services.senders.remember(address, sender)
    return sender


async def _raw_body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_WEBHOOK_BYTES:
            raise BodyTooLarge
    return bytes(body)


async def _look_up(services: CardsServices, address: Address) -> Sender | None:
    try:
        wanted = UUID(address.text)
    except ValueError:
        return None
    find = sellers.find if address.kind == "user_id" else sellers.find_by_webhook
    async with services.transaction() as connection:
        seller = await find(connection, wanted)
    return None if seller is None or seller.webhook_secret is None else Sender(seller.user_id, seller.webhook_secret)


def _read(body: bytes) -> Event:
    try:
        return read_event(body)
    except MalformedEvent:
        raise InvalidInput("The body is not a webhook of CardTrader.") from None
