"""No request takes for ever; a stream that has begun may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.responses import StreamingResponse

from api.cards import purchase_runs
from api.main import create_app
from api.marketplace import services as marketplace
from api.temporal import CALL
from api.time_limit import TimeLimit
from tests.helpers.api import error_of, fake_services, opening, serving, settings_for_tests

ENDED: list[str] = []


@pytest.fixture
def app() -> FastAPI:
    """The application with routes that take long, and a limit that a test can wait for."""
    built = create_app(settings_for_tests(), opening(fake_services()))
    limit = next(one for one in built.user_middleware if getattr(one.cls, "__name__", "") == TimeLimit.__name__)
    limit.kwargs["seconds"] = 0.05

    @built.get("/slow")
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ENDED.append("slow")

    @built.get("/own")
    async def own() -> None:
        raise TimeoutError

    @built.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(_pieces())

    return built


async def _pieces() -> AsyncIterator[bytes]:
    yield b"first "
    await asyncio.sleep(0.15)
    yield b"last"


async def test_a_request_that_takes_too_long_is_given_up_and_told_so(app: FastAPI) -> None:
    async with serving(app) as http:
        answer = await http.get("/slow")
        assert error_of(answer, 503)["code"] == "REQUEST_TIMEOUT"
        assert answer.headers["Retry-After"] == "5"
        assert ENDED == ["slow"]
        assert (await http.get("/stream")).text == "first last"
        assert error_of(await http.get("/own"), 500)["code"] == "INTERNAL_SERVER_ERROR"


async def test_a_body_that_never_ends_is_given_up(app: FastAPI) -> None:
    async def drop() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with serving(app) as http:
        answer = await http.post("/api/v1/sync/setup-test-user", content=drop())
    assert error_of(answer, 503)["code"] == "REQUEST_TIMEOUT"


def test_the_limit_lies_above_every_wait_that_a_route_promises() -> None:
    with pytest.raises(ValidationError, match="greater than 30"):
        settings_for_tests(request_timeout_seconds=30)
    assert max(purchase_runs._PATIENCE, marketplace._PATIENCE) + 3 * CALL.total_seconds() < 30
