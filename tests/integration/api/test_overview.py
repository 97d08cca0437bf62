"""What an operator sees of all sellers, and what a seller sees of the request limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, insert

from api.main import create_app
from clients.token_bucket import TokenBucket, fingerprint
from db.cards.tables import export_chunks
from db.failed_tables import failed_records
from db.session import Database
from tests.helpers.api import (
    PREFIX,
    FakeVerifier,
    bearer,
    error_of,
    fake_services,
    opening,
    serving,
    settings_for_tests,
    token_for,
)
from tests.helpers.api_seller import Seller

OPERATOR = bearer(token_for(uuid4(), roles=["operator"]))
PAGES = "http://ui.example.test/namespaces/default/workflows"
STAGED = {"phase": "applying", "total_chunks": 2, "total_products": 8}


@pytest.fixture
async def limiter(redis_url: str) -> AsyncIterator[TokenBucket]:
    async with Redis.from_url(redis_url) as redis:
        yield TokenBucket(redis, 200, 10, 3)


@pytest.fixture
async def seller(database_url: str, limiter: TokenBucket) -> AsyncIterator[Seller]:
    """Alone in a database: an overview counts everybody."""
    services = replace(fake_services(Database.connect(database_url), limiter=limiter), workflow_pages=PAGES)
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        made = Seller(uuid4(), http, services, FakeVerifier())
        await made.link()
        yield made


def sync_page(user_id: UUID) -> str:
    return f"{PAGES}/bulk-sync%3A{user_id}"


async def overview(http: httpx.AsyncClient) -> dict[str, Any]:
    body: dict[str, Any] = (await http.get(f"{PREFIX}/overview", headers=OPERATOR)).raise_for_status().json()
    return body


async def test_nothing_runs_and_nothing_waits(seller: Seller) -> None:
    nothing = {"waiting": 0, "oldest_seconds": None}
    assert await overview(seller.http) == {
        "accounts": {"idle": 1},
        "syncs": [],
        "queues": {"webhooks": nothing, "changes": nothing, "purchases": nothing},
        "failed_records": {},
    }


async def test_running_syncs_have_live_numbers_and_their_workflow(seller: Seller) -> None:
    since = (datetime.now(UTC) - timedelta(seconds=10)).isoformat()
    running = await seller.operation("running", {**STAGED, "applying_since": since})
    await seller.operation("completed", STAGED, age=50)
    queued = await seller.operation("pending", age=60)
    await seller.operation("running", {"blueprint_id": 7})
    async with seller.services.transaction() as connection:
        for number, values in ((0, {"rows": 4, "updated": 4, "applied_at": func.now()}), (1, {"rows": 4})):
            row = {"operation_id": running, "chunk_no": number, "keys": b"", "payload": b"", **values}
            await connection.execute(insert(export_chunks).values(row))
    first, second = (await overview(seller.http))["syncs"]
    assert (first["task_id"], first["processed"], first["progress_percent"]) == (running, 4, 50)
    assert 10 <= first["eta_seconds"] <= 20
    assert (second["task_id"], second["phase"], second["processed"]) == (queued, "queued", 0)
    assert {first["workflow_url"], second["workflow_url"]} == {sync_page(seller.user_id)}
    progress = (await seller.get("/progress/{user}")).json()
    assert progress["workflow_url"] == sync_page(seller.user_id)


async def test_queues_tell_how_much_waits_and_how_long(seller: Seller) -> None:
    for table, columns, values in (
        ("webhook_inbox", "webhook_id, cause, mode, body_encrypted, received_at", "'w', 'c', 'live', '', @"),
        ("item_changes", "operation_id, action, blueprint_id, created_at", "'{op}', 'update', 1, @"),
    ):
        values = values.format(op=await seller.operation("running")).replace("@", "now() - interval '90 seconds'")
        query = f"INSERT INTO {table} (user_id, {columns}) VALUES (:user_id, {values}) RETURNING 1"  # noqa: S608 - constants
        await seller.rows(query)
    for number, settled in ((1, None), (2, None), (3, func.now())):
        letter = {"context": "cards", "operation_id": "o", "subject": str(number), "stage": "apply", "reason": "r"}
        await seller.add(failed_records, **letter, resolved_at=settled)
    found = await overview(seller.http)
    assert found["queues"]["webhooks"]["waiting"] == found["queues"]["changes"]["waiting"] == 1
    assert 90 <= found["queues"]["webhooks"]["oldest_seconds"] < 120
    assert 90 <= found["queues"]["changes"]["oldest_seconds"] < 120
    assert found["failed_records"] == {"cards": 2}


async def test_the_use_of_a_limit_grows_with_the_requests_let_through(seller: Seller, limiter: TokenBucket) -> None:
    before = (await seller.get("/limits/{user}")).json()
    assert (before["limit"], before["window_seconds"], before["granted"], before["wait_seconds"]) == (200, 10, 0, 0)
    key = fingerprint("ct-token-4711")
    for klass in ("interactive", "bulk", "bulk"):
        await limiter.acquire(key, klass)
    await limiter.acquire(fingerprint("another account"), "bulk")
    after = (await seller.get("/limits/{user}")).json()
    assert (after["granted"], after["measured_at"] > before["measured_at"]) == (3, True)
    await limiter.penalise(key, 30)
    blocked = (await seller.get("/limits/{user}")).json()
    assert blocked["granted"] == 3
    assert 29 < blocked["wait_seconds"] <= 30


async def test_a_limit_that_cannot_be_read_says_so(seller: Seller, database_url: str) -> None:
    services = replace(seller.services, database=Database.connect(database_url), limiter=fake_services().limiter)
    async with serving(create_app(settings_for_tests(), opening(services))) as http:
        answer = await replace(seller, http=http).get("/limits/{user}")
    assert error_of(answer, 503)["code"] == "REDIS_UNAVAILABLE"


async def test_without_a_link_there_is_no_limit(seller: Seller) -> None:
    stranger = replace(seller, user_id=uuid4())
    assert error_of(await stranger.get("/limits/{user}"), 404)["code"] == "SYNC_NOT_FOUND"
