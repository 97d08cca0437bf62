"""The application as production opens it, with servers missing: a 503 with a code, quickly, and no secret anywhere."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from temporalio.client import Client
from temporalio.worker import Worker

from api.main import create_app
from devstack import DevStack
from tests.helpers.api import PREFIX, bearer, error_of, public_pem, serving, settings_for_tests, token_for
from tests.helpers.sleeper import Sleeper
from tests.helpers.waiting import eventually
from workflows import task_queues

TOKEN = "ct-token-4711"
PASSWORD = "pw-4711"
GONE: dict[str, Any] = {
    "database_url": f"postgresql+asyncpg://user:{PASSWORD}@127.0.0.1:1/nothing",
    "redis_url": f"redis://:{PASSWORD}@127.0.0.1:1/0",
    "temporal_address": "127.0.0.1:1",
    "catalog_url": f"mysql+pymysql://user:{PASSWORD}@127.0.0.1:1/nothing",
    "cardtrader_api_base_url": "http://127.0.0.1:1",
}


@pytest.fixture
def present(stack: DevStack, module_database_url: str, redis_url: str) -> dict[str, Any]:
    """Settings with every server there."""
    return {
        "database_url": module_database_url,
        "redis_url": redis_url,
        "temporal_address": stack.env()["TEMPORAL_ADDRESS"],
        "catalog_url": "sqlite://",
        "cardtrader_api_base_url": GONE["cardtrader_api_base_url"],
    }


@asynccontextmanager
async def opened(settings: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    keys = {"fernet_key": Fernet.generate_key().decode(), "jwt_public_key": public_pem()}
    async with serving(create_app(settings_for_tests(**keys, **settings))) as http:
        yield http


async def ready(http: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    started = time.monotonic()
    answer = await http.get("/health/ready")
    assert time.monotonic() - started < 3
    assert PASSWORD not in answer.text
    return answer.status_code, answer.json()


async def test_with_every_server_and_workers_it_is_ready(present: dict[str, Any], temporal_client: Client) -> None:
    async with opened(present) as http:
        workers = [Worker(temporal_client, task_queue=queue, workflows=[Sleeper]) for queue in task_queues.ALL]
        async with workers[0], workers[1], workers[2]:

            async def all_poll() -> None:
                status, body = await ready(http)
                assert (status, body["status"]) == (200, "healthy"), body
                assert body["worker"]["active_workers"] >= 1

            await eventually(all_poll)


async def test_a_queue_nobody_polls_is_named(present: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_queues, "ALL", (f"unpolled-{uuid4().hex}",))
    async with opened(present) as http:
        status, body = await ready(http)
    assert (status, body["status"], body["worker"]["code"]) == (503, "degraded", "WORKER_UNAVAILABLE")
    assert body["worker"]["message"].startswith("No worker polls unpolled-")
    assert {body[name]["status"] for name in ("postgresql", "redis", "mysql", "temporal")} == {"healthy"}


@pytest.mark.parametrize(
    ("setting", "component", "code"),
    [
        ("database_url", "postgresql", "DATABASE_UNAVAILABLE"),
        ("redis_url", "redis", "REDIS_UNAVAILABLE"),
        ("catalog_url", "mysql", "CATALOG_UNAVAILABLE"),
        ("temporal_address", "temporal", "TEMPORAL_UNAVAILABLE"),
    ],
)
async def test_a_missing_server_is_named(present: dict[str, Any], setting: str, component: str, code: str) -> None:
    async with opened({**present, setting: GONE[setting]}) as http:
        status, body = await ready(http)
    assert (status, body["status"]) == (503, "unhealthy")
    assert (body[component]["status"], body[component]["code"]) == ("unhealthy", code)


@pytest.mark.parametrize(
    ("gone", "method", "path", "code"),
    [
        ("database_url", "GET", "/status", "DATABASE_UNAVAILABLE"),
        ("database_url", "GET", "/progress", "DATABASE_UNAVAILABLE"),
        ("database_url", "GET", "/inventory", "DATABASE_UNAVAILABLE"),
        ("database_url", "POST", "/start", "DATABASE_UNAVAILABLE"),
        ("database_url", "POST", "/link", "DATABASE_UNAVAILABLE"),
        ("temporal_address", "POST", "/cancel", "TEMPORAL_UNAVAILABLE"),
        ("redis_url", "POST", "/link", "REDIS_UNAVAILABLE"),
        ("cardtrader_api_base_url", "POST", "/link", "CARDTRADER_SERVICE_UNAVAILABLE"),
    ],
)
async def test_a_request_that_needs_a_missing_server_is_a_503(
    present: dict[str, Any], capsys: pytest.CaptureFixture[str], gone: str, method: str, path: str, code: str
) -> None:
    user_id = uuid4()
    body = {"cardtrader_token": TOKEN} if path == "/link" else None
    token = token_for(user_id)
    async with opened({**present, gone: GONE[gone], "log_level": "DEBUG"}) as http:
        started = time.monotonic()
        answer = await http.request(method, f"{PREFIX}{path}/{user_id}", json=body, headers=bearer(token))
    assert time.monotonic() - started < 5
    assert error_of(answer, 503)["code"] == code
    assert int(answer.headers["Retry-After"]) > 0
    logged = capsys.readouterr().err
    assert "request.answered" in logged
    for secret in (TOKEN, PASSWORD, token):
        assert secret not in answer.text
        assert secret not in logged
