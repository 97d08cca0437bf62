"""Who calls behind proxies, how often, in whose form they are refused, and what happens without Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from api.callers import Callers, class_of, read_networks
from api.main import create_app
from api.services import Services
from clients.caller_limit import CallerLimit
from tests.helpers.api import bearer, error_of, fake_services, opening, serving, settings_for_tests, token_for

WEBHOOK = "/api/v1/sync/webhook/user/0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11"


class Redis:
    """Counts as the script does, and may be away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away, self.asked = away, 0
        self.taken: dict[str, int] = {}

    async def evalsha(self, _digest: str, _keys: int, key: str, limit: int, wanted: int, window: int) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionRefusedError
        granted = min(wanted, limit - self.taken.get(key, 0))
        self.taken[key] = self.taken.get(key, 0) + max(granted, 0)
        return granted * 10**8 + window if granted > 0 else -window


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def limiter(redis: Redis, clock: Clock | None = None) -> CallerLimit:
    return CallerLimit(redis, 10, clock=clock or Clock())  # type: ignore[arg-type]


async def test_the_limit_is_kept_and_most_calls_ask_nobody() -> None:
    redis = Redis()
    limit = limiter(redis)
    waits = [await limit.wait("open:1", 100) for _ in range(130)]
    assert waits == [0.0] * 100 + [10.0] * 30
    assert redis.asked == 21
    assert await limit.wait("open:2", 100) == 0


async def test_a_new_window_is_a_new_chance() -> None:
    redis, clock = Redis(), Clock()
    limit = limiter(redis, clock)
    assert [await limit.wait("open:1", 2) for _ in range(3)] == [0.0, 0.0, 10.0]
    clock.now += 4
    assert await limit.wait("open:1", 2) == 6
    clock.now += 6
    redis.taken.clear()
    assert await limit.wait("open:1", 2) == 0


async def test_two_processes_share_one_limit() -> None:
    redis = Redis()
    both = (limiter(redis), limiter(redis))
    waits = [await both[number % 2].wait("open:1", 40) for number in range(100)]
    assert waits.count(0.0) == 40


async def test_many_at_once_ask_once() -> None:
    redis = Redis()
    limit = limiter(redis)
    waits = await asyncio.gather(*(limit.wait("open:1", 200) for _ in range(10)))
    assert (set(waits), redis.asked) == ({0.0}, 1)


async def test_without_redis_each_process_counts_by_itself_and_says_so_once() -> None:
    redis = Redis(away=True)
    limit = limiter(redis)
    with capture_logs() as lines:
        waits = [await limit.wait("machines:1", 50) for _ in range(60)]
        await limit.wait("machines:2", 50)
    assert waits == [0.0] * 50 + [10.0] * 10
    assert redis.asked == 2
    assert [line["event"] for line in lines] == ["callers.counted_here_only"]


async def test_only_so_many_callers_are_remembered() -> None:
    limit = limiter(Redis())
    for number in range(10_050):
        await limit.wait(f"open:{number}", 20)
    assert len(limit._leases) == 10_000


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.7"], "10.0.0.7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["2001:db8:1:2:ffff::1"], "2001:db8:1:2::/64"),
        ("testclient", [], "unknown"),
    ],
)
def test_only_a_trusted_proxy_is_believed(peer: str, forwarded: list[str], caller: str) -> None:
    assert Callers(read_networks("10.0.0.0/8, fd00::/8")).of(scope(peer, *forwarded)) == caller


def test_nobody_is_believed_unless_told() -> None:
    assert Callers(read_networks("")).of(scope("10.0.0.1", "198.51.100.1")) == "10.0.0.1"
    assert Callers().of({"client": None, "headers": []}) == "unknown"


AUTHORIZED = [(b"authorization", b"Bearer x")]


@pytest.mark.parametrize(
    ("path", "headers", "klass"),
    [
        (WEBHOOK, AUTHORIZED, "machines"),
        ("/marketplace/orders/import", AUTHORIZED, "machines"),
        ("/orders/import", [], "machines"),
        ("/marketplace/mock/etsy/validate", [], "machines"),
        ("/", AUTHORIZED, "open"),
        ("/health/ready", AUTHORIZED, "open"),
        ("/store/health", AUTHORIZED, "open"),
        ("/bridge/api/v1/monitoring/health/detailed", AUTHORIZED, "open"),
        ("/marketplace/docs", AUTHORIZED, "open"),
        ("/docs.js", AUTHORIZED, "open"),
        ("/api/v1/sync/status/x", [], "open"),
        ("/nowhere", [], "open"),
        ("/api/v1/sync/status/x", AUTHORIZED, None),
        ("/marketplace/webhooks", AUTHORIZED, None),
        ("/store/v1/local/inventory", AUTHORIZED, None),
    ],
)
def test_what_needs_no_token_is_counted(path: str, headers: list[Any], klass: str | None) -> None:
    assert class_of({"path": path, "headers": headers}) == klass


def limited_app(**settings: int) -> FastAPI:
    services: Any = replace(fake_services(), callers=limiter(Redis()))
    return create_app(settings_for_tests(**settings), opening(services))


async def asked(http: httpx.AsyncClient, path: str, **options: Any) -> httpx.Response:
    method = "POST" if "webhook" in path or "import" in path else "GET"
    return await http.request(method, path, **options)


@pytest.mark.parametrize("path", ["/health/live", "/bridge/", "/store/nowhere", WEBHOOK])
async def test_who_calls_too_often_is_told_when_to_come_back(path: str) -> None:
    async with serving(limited_app(caller_limit_machines=2, caller_limit_open=2)) as http:
        answers = [await asked(http, path) for _ in range(3)]
    assert 429 not in [answer.status_code for answer in answers[:2]]
    error = error_of(answers[2], 429)
    assert (error["code"], answers[2].headers["Retry-After"]) == ("RATE_LIMIT_EXCEEDED", "10")
    assert answers[2].headers["X-Content-Type-Options"] == "nosniff"


async def test_the_marketplace_refuses_in_its_own_form() -> None:
    async with serving(limited_app(caller_limit_machines=1)) as http:
        await asked(http, "/marketplace/orders/import")
        refused = await asked(http, "/marketplace/orders/import")
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limit_exceeded")
    assert set(refused.json()) == {"error", "message"}
    assert refused.headers["Retry-After"] == "10"


async def test_who_brings_a_token_is_not_counted() -> None:
    async with serving(limited_app(caller_limit_open=1)) as http:
        headers = bearer(token_for(uuid4()))
        answers = [await http.get(f"/api/v1/sync/task/{uuid4()}", headers=headers) for _ in range(3)]
        assert 429 not in [answer.status_code for answer in answers]
        assert [(await http.get("/nowhere")).status_code for _ in range(2)] == [404, 429]


async def test_zero_is_no_limit() -> None:
    async with serving(limited_app(caller_limit_open=0)) as http:
        assert {(await http.get("/health/live")).status_code for _ in range(5)} == {200}


def test_services_of_tests_have_no_limiter() -> None:
    services: Services = fake_services()
    assert services.callers is None
