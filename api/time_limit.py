"""No request may take for ever: until its answer begins it has so many seconds, its body's arrival included.

A stream that has begun (server-sent events) is not limited. Longer than every wait that a route promises itself.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.callers import Answer
from api.errors import RequestTimedOut


class TimeLimit:
    """Ends the work of a request whose answer has not begun in time, and says so."""

    def __init__(self, app: ASGIApp, seconds: float, answer: Answer) -> None:
        self._app, self._seconds, self._answer = app, seconds, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds) as limit:

                async def send_unlimited(message: Message) -> None:
                    limit.reschedule(None)
                    await send(message)

                await self._app(scope, receive, send_unlimited)
        except TimeoutError:
            if not limit.expired():
                raise
            await self._answer(scope, RequestTimedOut())(scope, receive, send)
