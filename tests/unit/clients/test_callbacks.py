"""Call-backs on their way out: what is connected to, what is signed, what an answer becomes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpcore
import pytest
import svix.webhooks
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from clients.callbacks import Guard, Poster, Signed, new_secret, sign
from clients.callbacks.guard import resolve
from domain.marketplace.targets import TargetRefused

SIGNED = Signed(b"{}", {"Content-Type": "application/json"})


class Names:
    """A resolver of the tests: answers per name, one list after the other."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        known = self.answers.get(host.replace(".", "_"))
        if known is None:
            raise OSError
        return known.pop(0) if len(known) > 1 else known[0]


class Network(httpcore.AsyncMockBackend):
    """Notes where it was sent to, and answers."""

    def __init__(self, status: bytes = b"200 OK", headers: bytes = b"", refuse: Iterable[str] = ()) -> None:
        super().__init__([b"HTTP/1.1 " + status + b"\r\n" + headers + b"Content-Length: 0\r\n\r\n"])
        self.connected: list[str] = []
        self._refuse = set(refuse)

    async def connect_tcp(self, host: str, *arguments: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        if host in self._refuse:
            raise httpcore.ConnectError
        return await super().connect_tcp(host, *arguments, **more)


def poster(names: Names, network: Network, **guard: Any) -> Poster:
    return Poster(Guard(resolve=names, **guard), network=network)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    network = Network()
    answer = await poster(Names(shop_example=[["8.8.8.8"]]), network).post("https://shop.example/hook", SIGNED)
    assert (answer.status, network.connected) == (200, ["8.8.8.8"])


async def test_a_name_that_leads_elsewhere_a_moment_later_is_refused_at_connect_time() -> None:
    names, network = Names(rebind_example=[["8.8.8.8"], ["127.0.0.1"]]), Network()
    guard = Guard(resolve=names)
    await guard.check("http://rebind.example/")
    answer = await Poster(guard, network=network).post("http://rebind.example/", SIGNED)
    assert (answer.error, network.connected) == ("the address does not lead to the public internet", [])


@pytest.mark.parametrize(
    "addresses",
    [
        ["8.8.8.8", "10.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["fd00:ec2::254"],
        ["64:ff9b::a9fe:a9fe"],
        ["fe80::1%eth0"],
        ["0.0.0.0"],  # noqa: S104 - an address to refuse
    ],
    ids=range(6),
)
async def test_no_address_but_a_public_one_is_connected_to(addresses: list[str]) -> None:
    network = Network()
    answer = await poster(Names(shop_example=[addresses]), network).post("http://shop.example/", SIGNED)
    assert (answer.status, network.connected) == (0, [])
    assert "public internet" in answer.error


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://localhost/",
        "http://[::1]/",
    ],
    ids=range(6),
)
async def test_other_spellings_of_this_machine_are_this_machine(url: str) -> None:
    """With the resolver of the system, which knows them all."""
    network = Network()
    answer = await Poster(Guard(resolve=resolve), network=network).post(url, SIGNED)
    assert (answer.status, network.connected) == (0, [])
    assert answer.error


async def test_a_development_setting_allows_this_machine_and_no_other() -> None:
    guard = Guard(allow_loopback=True, resolve=Names(here=[["127.0.0.1"]], there=[["10.0.0.1"]]))
    await guard.check("http://here/")
    with pytest.raises(TargetRefused):
        await guard.check("http://there/")
    with pytest.raises(TargetRefused, match="cannot be resolved"):
        await guard.check("http://nowhere/")


async def test_a_redirect_leads_nowhere() -> None:
    names = Names(shop_example=[["8.8.8.8"]], inside=[["10.0.0.1"]])
    network = Network(b"302 Found", b"Location: http://inside/\r\n")
    answer = await poster(names, network).post("http://shop.example/", SIGNED)
    assert (answer.status, answer.is_success, network.connected, names.asked) == (302, False, ["8.8.8.8"], 1)


async def test_the_next_address_of_a_name_is_tried() -> None:
    network = Network(refuse=["8.8.8.8"])
    names = Names(shop_example=[["8.8.8.8", "1.1.1.1"]])
    assert (await poster(names, network).post("http://shop.example/", SIGNED)).status == 200
    assert network.connected == ["8.8.8.8", "1.1.1.1"]
    dead = await poster(names, Network(refuse=["8.8.8.8", "1.1.1.1"])).post("http://shop.example/", SIGNED)
    assert dead.error == "no connection (ConnectError)"


async def test_a_wait_that_is_asked_for_is_told() -> None:
    network = Network(b"429 Too Many Requests", b"Retry-After: 120\r\n")
    answer = await poster(Names(shop_example=[["8.8.8.8"]]), network).post("http://shop.example/", SIGNED)
    assert (answer.status, answer.retry_after) == (429, timedelta(minutes=2))


@asynccontextmanager
async def speaking(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[str]:
    """A server that does what it likes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_whatever_an_endpoint_does_is_an_answer() -> None:
    held = asyncio.Event()

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()

    async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"what is HTTP?\r\n\r\n")

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        await held.wait()

    sender = Poster(Guard(allow_loopback=True), timeout=0.3)
    async with speaking(hangs) as hanging, speaking(babbles) as babbling:
        assert (await sender.post(hanging, SIGNED)).error == "timed out"
        assert "Protocol" in (await sender.post(babbling, SIGNED)).error
    patient = Poster(Guard(allow_loopback=True), timeout=5)
    async with speaking(drips) as dripping:
        assert (await patient.post(dripping, SIGNED)).status == 200
        held.set()
    for each in (sender, patient):
        await each.close()


# The specification's own vector, as its libraries carry it.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID, VECTOR_AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC)
VECTOR_BODY = '{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_vector_of_the_specification() -> None:
    signed = sign(VECTOR_ID, VECTOR_BODY, [VECTOR_SECRET], VECTOR_AT, sequence=7)
    assert signed.headers["webhook-signature"] == VECTOR_SIGNATURE
    assert (signed.headers["webhook-timestamp"], signed.headers["webhook-id"]) == ("1614265330", VECTOR_ID)
    elsewhere = VECTOR_AT.astimezone(timezone(timedelta(hours=9)))
    assert sign(VECTOR_ID, VECTOR_BODY, [VECTOR_SECRET], elsewhere, sequence=7).headers == signed.headers


def test_the_headers_of_the_predecessor() -> None:
    headers = sign(VECTOR_ID, VECTOR_BODY, [VECTOR_SECRET], VECTOR_AT, sequence=7).headers
    mac = hmac.new(VECTOR_SECRET.encode(), VECTOR_BODY.encode(), hashlib.sha256).hexdigest()
    assert headers["X-Webhook-Signature"] == f"sha256={mac}"
    assert headers["X-Webhook-Timestamp"] == "2021-02-25T15:02:10.000Z"
    assert (headers["X-Event-Id"], headers["X-Event-Sequence"]) == (VECTOR_ID, "7")


@pytest.mark.parametrize("library", [Webhook, svix.webhooks.Webhook], ids=["standardwebhooks", "svix"])
def test_consumers_verify_what_we_sign_and_nothing_else(library: Any) -> None:
    old, new, foreign = new_secret(), new_secret(), new_secret()
    body, now = '{"name":"è"}', datetime.now(UTC)
    headers = sign("evt-1", body, [new, old], now, sequence=1).headers
    for secret in (old, new):
        library(secret).verify(body, headers)
    stale = sign("evt-1", body, [new], now - timedelta(minutes=6), sequence=1).headers
    for secret, sent, given in (
        (foreign, body, headers),
        (new, body + " ", headers),
        (new, body, stale),
        (new, body, {**headers, "webhook-id": "evt-2"}),
        (new, body, {**headers, "webhook-timestamp": str(int(now.timestamp()) + 1)}),
        (new, body, {**headers, "webhook-signature": "v2," + headers["webhook-signature"][3:47]}),
    ):
        with pytest.raises(WebhookVerificationError):
            library(secret).verify(sent, given)


def test_secrets_are_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets} == {32}
