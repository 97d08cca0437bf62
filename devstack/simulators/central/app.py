"""The simulator's routes: the inventory behind its tokens, and the control API beside it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.types import ASGIApp

from devstack.simulators.cardtrader.connections import Connections

from .books import Movement
from .central import Central
from .control import control_router
from .gate import Gate


class TokenRequest(BaseModel):
    """Who asks."""

    service_name: str
    service_secret: str


class Adjustment(BaseModel):
    """A movement."""

    sku: str
    delta: int
    version: int
    operation_id: str


def create_app(central: Central, connections: Connections | None = None) -> ASGIApp:
    """The ASGI application; `connections` are the sockets it is served by, where there are any."""
    app = FastAPI(title="Central inventory simulator")
    _inventory(app, central)
    app.include_router(control_router(central))
    return Gate(app, central, connections or Connections())


def _inventory(app: FastAPI, central: Central) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """It runs."""
        return {"status": "ok"}

    @app.post("/auth/token")
    async def token(asked: TokenRequest) -> dict[str, Any]:
        """A service token."""
        text = central.token(asked.service_name, asked.service_secret)
        if text is None:
            raise HTTPException(401, "wrong credentials")
        expiry = {"expires_in": central.knobs.token_seconds} if central.knobs.tell_expiry else {}
        return {central.knobs.token_field: text, "token_type": "bearer", **expiry}

    @app.get("/v1/inventory/{sku}")
    async def read(sku: str, authorization: Annotated[str, Header()] = "") -> Response:
        """An item's stock."""
        _authorise(central, authorization)
        return _state(central, sku) or _unknown()

    @app.post("/v1/inventory/{sku}/adjust")
    async def adjust(
        sku: str,
        asked: Adjustment,
        idempotency_key: Annotated[str, Header()],
        authorization: Annotated[str, Header()] = "",
    ) -> Response:
        """Move stock, once per key."""
        _authorise(central, authorization)
        if idempotency_key != asked.operation_id or sku != asked.sku:
            raise HTTPException(422, "the key, the path and the body differ")
        verdict = central.books.adjust(
            idempotency_key, sku, asked.delta, asked.version, strict=central.knobs.strict_keys
        )
        match verdict:
            case "applied" | "replayed":
                return _done(central, central.books.answer(idempotency_key))
            case "stale":
                return _refusal(central, sku, 409)
            case "too_little":
                return _refusal(central, sku, central.knobs.too_little_status)
            case "unknown":
                return _unknown()
            case "reused":
                raise HTTPException(422, "this Idempotency-Key was used for another request")


def _authorise(central: Central, authorization: str) -> None:
    if not central.accepts(authorization):
        raise HTTPException(401, "the token is not accepted")


def _unknown() -> Response:
    return JSONResponse({"detail": "unknown SKU"}, 404)


def _done(central: Central, movement: Movement) -> Response:
    told = {"quantity": movement.quantity} if central.knobs.tell_quantity else {}
    return JSONResponse({"sku": movement.sku, "version": movement.version, **told})


def _state(central: Central, sku: str) -> Response | None:
    stock = central.books.stocks.get(sku)
    if stock is None:
        return None
    return JSONResponse({"sku": sku, "version": stock.version, "quantity": stock.quantity})


def _refusal(central: Central, sku: str, status: int) -> Response:
    stock = central.books.stocks[sku]
    state = {"current_state": {"version": stock.version, "quantity": stock.quantity}}
    return JSONResponse({"detail": "conflict", **(state if central.knobs.tell_state else {})}, status)
