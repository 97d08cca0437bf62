"""Health: both body shapes, the right status, and quickly, whatever a dependency does."""

from __future__ import annotations

import asyncio
import time

import pytest

from api import health
from api.errors import ApiError, RedisUnavailable, TemporalUnavailable, WorkerUnavailable
from api.probes import PingProbe, Probe
from tests.helpers.api import fake_services, healthy_probes, serving_fakes

COMPONENTS = {"postgresql", "redis", "mysql", "temporal", "worker"}


def probe(fault: type[ApiError], error: BaseException | None = None) -> Probe:
    async def ping() -> None:
        if error is None:
            await asyncio.Event().wait()
        else:
            raise error

    return PingProbe("X", fault, ping)


async def test_alive_needs_nobody() -> None:
    async with serving_fakes() as http:
        answer = await http.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_ready_shows_every_component_in_both_shapes() -> None:
    async with serving_fakes() as http:
        answer = await http.get("/health/ready")
    body = answer.json()
    assert (answer.status_code, body["status"], body["service"]) == (200, "healthy", "brx-sync")
    assert body["postgresql"]["status"] == "healthy"
    assert body["mysql"]["message"] == "mysql connection successful"
    assert {name: body[name] for name in COMPONENTS} == body["components"]


@pytest.mark.parametrize(
    ("name", "broken", "status", "code"),
    [
        ("redis", probe(RedisUnavailable, OSError("redis://u:secret@h")), "unhealthy", "REDIS_UNAVAILABLE"),
        ("temporal", probe(TemporalUnavailable, TemporalUnavailable()), "unhealthy", "TEMPORAL_UNAVAILABLE"),
        ("worker", probe(WorkerUnavailable, WorkerUnavailable("No worker.")), "degraded", "WORKER_UNAVAILABLE"),
    ],
)
async def test_whatever_is_missing_makes_it_not_ready(name: str, broken: Probe, status: str, code: str) -> None:
    async with serving_fakes(fake_services(probes={**healthy_probes(), name: broken})) as http:
        ready, detail = await http.get("/health/ready"), await http.get("/health")
    assert (ready.status_code, detail.status_code) == (503, 200)
    assert ready.json()["status"] == ready.json()[name]["status"] == status
    assert ready.json()[name]["code"] == code
    assert "secret" not in ready.text


async def test_silent_dependencies_are_given_up_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    started = time.monotonic()
    found = await health.report(dict.fromkeys(COMPONENTS, probe(RedisUnavailable)))
    assert found.status == "unhealthy"
    assert time.monotonic() - started < 1


async def test_the_root_says_who_answers() -> None:
    async with serving_fakes() as http:
        body = (await http.get("/")).json()
    assert (body["service"], body["docs"]) == ("brx-sync", "/docs")
