"""The routes that both neighbours have: signing in, health, and the control API's faults and calls."""

from __future__ import annotations

from typing import TypeVar

import msgspec
import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .faults import FaultSpec, FaultState
from .gate import CONTROL, PREFIX, Doors, Gate, json_response
from .tokens import Login, Refresh

T = TypeVar("T")


def build(title: str, doors: Doors, api: APIRouter, control: APIRouter) -> ASGIApp:
    """The application of a neighbour: its own routes and those of all."""
    app = FastAPI(title=title, openapi_url=None)
    app.include_router(_signing_in(doors), prefix=PREFIX)
    app.include_router(api, prefix=PREFIX)
    app.include_router(_controls(doors), prefix=CONTROL)
    app.include_router(control, prefix=CONTROL)
    return Gate(app, doors)


def serve(app: ASGIApp, doors: Doors, port: int) -> None:
    """On loopback, until a signal."""
    protocol = doors.connections.protocol(HttpToolsProtocol)
    config = uvicorn.Config(app, "127.0.0.1", port, http=protocol, access_log=False, log_level="critical")
    uvicorn.Server(config).run()


async def body_of(request: Request, shape: type[T]) -> T:
    """The request's JSON; 422 for another shape."""
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except msgspec.MsgspecError as error:
        raise HTTPException(422, str(error)) from None


def _signing_in(doors: Doors) -> APIRouter:
    router = APIRouter()

    @router.post("/auth/login")
    async def login(request: Request) -> Response:
        """Tokens for a name and a password."""
        return _given(doors.tokens.login(await body_of(request, Login)))

    @router.post("/auth/refresh")
    async def refresh(request: Request) -> Response:
        """Tokens for a refresh token, once."""
        return _given(doors.tokens.refresh(await body_of(request, Refresh)))

    @router.get("/health")
    async def health() -> Response:
        """It runs."""
        return json_response({"status": "healthy"})

    return router


def _given(tokens: object | None) -> Response:
    return json_response({"detail": "Wrong credentials"}, 401) if tokens is None else json_response(tokens)


def _controls(doors: Doors) -> APIRouter:
    router = APIRouter()

    @router.post("/faults", status_code=201)
    async def add_fault(spec: FaultSpec) -> None:
        """Switch a fault on."""
        doors.faults.add(spec)

    @router.get("/faults")
    async def faults() -> list[FaultState]:
        """Faults with their counts."""
        return doors.faults.report()

    @router.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        """Switch all off."""
        doors.faults.clear()

    @router.get("/calls")
    async def calls() -> dict[str, int]:
        """Requests by method and path, and how often somebody signed in or was turned away."""
        tokens = doors.tokens
        signing = {"logins": tokens.logins, "refreshes": tokens.refreshes, "unauthorised": doors.unauthorised}
        return {**doors.calls, **signing}

    @router.delete("/calls", status_code=204)
    async def forget_calls() -> None:
        """Begin a new book of requests."""
        doors.calls.clear()
        doors.unauthorised = 0

    return router
