"""Central's client: what answers mean, tokens in time, and nothing of central's in our messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import jwt
import pytest
from pydantic import SecretStr

from clients.central import Adjustment, CentralClient, CentralDenied, CentralError, CentralRefused, CentralUnavailable
from clients.central.tokens import Credentials, TokenSource
from clients.central.transport import Transport
from domain.store.stock import CentralStock

OPERATION = UUID(int=7)
WANTED = Adjustment("LAMP 1/2", -2, 0, OPERATION)
SECRET = "a-secret-that-must-not-show"
Handler = Callable[[httpx.Request], httpx.Response]


@dataclass
class Remote:
    """Answers as told, and keeps what was asked; `now` is everybody's clock."""

    answer: Handler = lambda _: httpx.Response(200, json={"version": 1, "quantity": 3})
    expiry: dict[str, object] = field(default_factory=lambda: {"expires_in": 100})
    now: float = 1000.0
    asked: list[httpx.Request] = field(default_factory=list)
    tokens: int = 0

    def __post_init__(self) -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._handle))
        transport = Transport(http, "http://central/base/")
        credentials = Credentials("inventory-service", SecretStr(SECRET))
        self.client = CentralClient(transport, TokenSource(transport, credentials, clock=lambda: self.now))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/base/auth/token":
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"token-{self.tokens}", **self.expiry})
        self.asked.append(request)
        return self.answer(request)

    def bearers(self) -> list[str]:
        return [request.headers["Authorization"].removeprefix("Bearer ") for request in self.asked]


async def refusal(answer: Handler) -> CentralError:
    with pytest.raises(CentralError) as caught:
        await Remote(answer).client.adjust(WANTED)
    return caught.value


async def test_an_adjustment_carries_its_key_and_its_version() -> None:
    remote = Remote()
    assert await remote.client.adjust(WANTED) == CentralStock(1, 3)
    [request] = remote.asked
    assert request.url.raw_path == b"/base/v1/inventory/LAMP%201%2F2/adjust"
    assert request.headers["Idempotency-Key"] == str(OPERATION)
    assert json.loads(request.content) == {
        "sku": "LAMP 1/2",
        "delta": -2,
        "version": 0,
        "operation_id": str(OPERATION),
    }


async def test_a_version_is_enough_of_an_answer() -> None:
    assert await Remote(lambda _: httpx.Response(201, json={"version": 4})).client.adjust(WANTED) == CentralStock(4)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"quantity":1}', b'{"version":-1}', b'{"version":1,"quantity":-1}', b"\xff",
             b'{"version":"1"}', b"x" * 70_000],
    ids=["empty", "page", "list", "no version", "negative", "below nothing", "no text", "not a number", "endless"],
)  # fmt: skip
async def test_an_answer_that_cannot_be_read_may_have_been_done(body: bytes) -> None:
    error = await refusal(lambda _: httpx.Response(200, content=body))
    assert isinstance(error, CentralUnavailable)
    assert error.sent


@pytest.mark.parametrize(
    ("status", "sent"), [(500, True), (503, True), (302, True), (408, False), (425, False), (429, False)]
)
async def test_what_means_later(status: int, sent: bool) -> None:
    error = await refusal(lambda _: httpx.Response(status, headers={"Location": "http://elsewhere/"}))
    assert isinstance(error, CentralUnavailable)
    assert error.sent == sent


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (httpx.ConnectError, False),
        (httpx.ConnectTimeout, False),
        (httpx.PoolTimeout, False),
        (httpx.ReadTimeout, True),
        (httpx.ReadError, True),
        (httpx.WriteError, True),
        (httpx.RemoteProtocolError, True),
    ],
)
async def test_whether_a_fault_came_before_the_request_was_sent(fault: type[httpx.TransportError], sent: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise fault(f"http://user:{SECRET}@central", request=request)

    error = await refusal(answer)
    assert isinstance(error, CentralUnavailable)
    assert error.sent == sent
    assert SECRET not in str(error)
    assert error.__cause__ is None


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"current_state": {"version": 9, "quantity": 0}}, CentralStock(9, 0)),
        ({"current_state": {"version": 9}}, CentralStock(9)),
        ({"current_state": {"version": -9}}, None),
        ({"detail": SECRET}, None),
        ([], None),
    ],
    ids=["whole", "version", "nonsense", "none", "list"],
)
async def test_a_refusal_tells_central_stock_where_it_can(body: object, state: CentralStock | None) -> None:
    for status in (400, 404, 409, 422):
        error = await refusal(lambda _, status=status: httpx.Response(status, json=body))  # type: ignore[misc]
        assert isinstance(error, CentralRefused)
        assert (error.status, error.state) == (status, state)
        assert SECRET not in str(error)


async def test_an_item_that_central_does_not_know() -> None:
    assert await Remote(lambda _: httpx.Response(404)).client.read("x") is None
    assert await Remote().client.read("x") == CentralStock(1, 3)
    with pytest.raises(CentralRefused):
        await Remote(lambda _: httpx.Response(410)).client.read("x")


async def test_a_token_is_renewed_before_it_expires() -> None:
    remote = Remote()
    for now, token in ((1000.0, "token-1"), (1089.0, "token-1"), (1090.0, "token-2")):
        remote.now = now
        await remote.client.read("x")
        assert remote.bearers()[-1] == token


@pytest.mark.parametrize("claim", [True, False], ids=["by its claim", "by default"])
async def test_without_expires_in_the_token_itself_tells(claim: bool) -> None:
    key = "k" * 32
    token = jwt.encode({"exp": 1040} if claim else {"sub": "x"}, key, "HS256")
    remote = Remote(expiry={"access_token": token})
    for now, fetched in ((1000.0, 1), (1035.0, 1), (1037.0, 2 if claim else 1), (1280.0, 3 if claim else 2)):
        remote.now = now
        await remote.client.read("x")
        assert remote.tokens == fetched


async def test_a_refused_token_is_renewed_once() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        fresh = request.headers["Authorization"] == "Bearer token-2"
        return httpx.Response(200, json={"version": 1}) if fresh else httpx.Response(401)

    remote = Remote(answer)
    await remote.client.adjust(WANTED)
    assert remote.bearers() == ["token-1", "token-2"]
    assert len({request.content for request in remote.asked}) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_fresh_token_that_is_refused_means_denied(status: int) -> None:
    remote = Remote(lambda _: httpx.Response(status))
    with pytest.raises(CentralDenied):
        await remote.client.adjust(WANTED)
    assert remote.tokens == (2 if status == 401 else 1)


async def test_many_at_once_fetch_one_token() -> None:
    remote = Remote()
    await asyncio.gather(*(remote.client.read(f"x{number}") for number in range(20)))
    assert remote.tokens == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(401), CentralDenied),
        (httpx.Response(422), CentralDenied),
        (httpx.Response(503), CentralUnavailable),
        (httpx.Response(200, json={}), CentralUnavailable),
        (httpx.Response(200, json={"token": "a\nb"}), CentralUnavailable),
        (httpx.Response(200, content=b"<html>"), CentralUnavailable),
    ],
    ids=["denied", "refused", "down", "empty", "unprintable", "page"],
)
async def test_without_a_token_nothing_is_sent(answer: httpx.Response, expected: type[CentralError]) -> None:
    transport = Transport(httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)), "http://central")
    client = CentralClient(transport, TokenSource(transport, Credentials("x", SecretStr(SECRET)), clock=lambda: 0.0))
    with pytest.raises(expected) as caught:
        await client.adjust(WANTED)
    assert SECRET not in str(caught.value)
    assert not getattr(caught.value, "sent", False)


async def test_a_ping_is_content_with_any_answer() -> None:
    for status in (200, 401, 404):
        await Remote(lambda _, status=status: httpx.Response(status)).client.ping()  # type: ignore[misc]
    with pytest.raises(CentralUnavailable):
        await Remote(lambda _: httpx.Response(503)).client.ping()


def test_without_an_address_there_is_no_client() -> None:
    assert CentralClient.connect(httpx.AsyncClient(), "", Credentials("x", SecretStr(""))) is None
    assert SECRET not in repr(Credentials("x", SecretStr(SECRET)))
