"""The receiver over HTTP: `POST /webhook[/{inbox}]`, and a control side below /control."""

from __future__ import annotations

import asyncio
import os

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .receiver import Manners, Receiver

MAIN = "main"


def create_app(receiver: Receiver) -> Starlette:
    """The ASGI application of a receiver."""

    async def webhook(request: Request) -> Response:
        inbox, body = request.path_params.get("inbox", MAIN), await request.body()
        await asyncio.sleep(receiver.delay(inbox))
        status, headers, answer = receiver.take(inbox, dict(request.headers), body)
        return JSONResponse(answer, status, headers)

    async def received(request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        return JSONResponse(receiver.shown(request.path_params["inbox"], after))

    async def ids(request: Request) -> Response:
        return JSONResponse(receiver.ids(request.path_params["inbox"]))

    async def behave(request: Request) -> Response:
        receiver.behave(request.path_params["inbox"], msgspec.json.decode(await request.body(), type=Manners))
        return JSONResponse({"ok": True})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "pid": os.getpid()})

    return Starlette(
        routes=[
            Route("/webhook", webhook, methods=["POST"]),
            Route("/webhook/{inbox}", webhook, methods=["POST"]),
            Route("/control/health", health),
            Route("/control/{inbox}/received", received),
            Route("/control/{inbox}/ids", ids),
            Route("/control/{inbox}/manners", behave, methods=["PUT"]),
        ]
    )
