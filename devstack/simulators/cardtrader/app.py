"""Composition of the simulator: the API below /api/v2 behind its gate, and the control API beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from . import catalogue_routes, control, control_site, marketplace_routes, order_routes, product_routes
from .errors import AnswerError, not_found
from .gate import BASE, Gate, error_response
from .market import Market


def create_app(market: Market, control_token: str = "") -> ASGIApp:
    """The ASGI application of a market. With a control token, /control asks for it in `X-Control-Token`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with market:
            yield

    app = FastAPI(title="CardTrader simulator", lifespan=lifespan)
    app.state.market = market
    app.state.control_token = control_token
    for module in (catalogue_routes, product_routes, order_routes, marketplace_routes):
        app.include_router(module.router, prefix=BASE)
    for module in (control, control_site):
        app.include_router(module.router, prefix="/control")
    app.add_exception_handler(AnswerError, _answer)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _http_error)
    return Gate(app, market)


async def _answer(_: Request, error: Exception) -> Response:
    assert isinstance(error, AnswerError)  # noqa: S101 - the handler is registered for this type
    return error_response(error)


async def _http_error(request: Request, error: Exception) -> Response:
    """Unknown routes and malformed ids: 404 in the API's shape; the control API keeps FastAPI's own."""
    if request.url.path.startswith(BASE):
        return error_response(not_found())
    if isinstance(error, RequestValidationError):
        return await request_validation_exception_handler(request, error)
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for these types
    return await http_exception_handler(request, error)
