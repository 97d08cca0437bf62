"""Deliveries while the breaker is open, or cannot be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from temporalio.testing import ActivityEnvironment

from activities.marketplace.delivering import Callbacks
from clients.callbacks import Signed, new_secret
from clients.circuit_breaker import BreakerRules, CircuitBreaker
from db.vault import Vault
from domain.marketplace.delivery import Answer, parse_schedule
from tests.helpers.marketplace import Organization
from workflows.marketplace.contracts import CallbackRef, DeliveryRound

VAULT = Vault([Fernet.generate_key().decode()])


class Posts:
    """Answers with one status."""

    def __init__(self, status: int) -> None:
        self.status, self.sent = status, 0

    async def post(self, url: str, signed: Signed) -> Answer:
        self.sent += 1
        return Answer(self.status)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as opened:
        yield opened


async def deliver(organization: Organization, posts: Posts, breaker: CircuitBreaker, event_id: UUID) -> DeliveryRound:
    """One round."""
    callbacks = Callbacks(organization.database, VAULT, posts, breaker, parse_schedule("1m,5m,15m"), chance=lambda: 0)
    answer = await ActivityEnvironment().run(callbacks.deliver_event, CallbackRef(event_id=event_id))
    assert isinstance(answer, DeliveryRound)
    return answer


async def test_an_endpoint_that_keeps_failing_is_left_alone_and_no_attempt_is_spent(
    organization: Organization, redis: Redis
) -> None:
    endpoint = await organization.listen("https://ill.example/", sealed=VAULT.encrypt(new_secret()))
    posts, breaker = Posts(500), CircuitBreaker(redis, BreakerRules(failures=3), name="test")
    for _ in range(5):
        await deliver(organization, posts, breaker, await organization.tell())
    assert posts.sent == 3
    assert [row[1:] for row in await organization.deliveries(endpoint.id)] == [("waiting", 1)] * 3 + [
        ("waiting", 0)
    ] * 2
    (waits,) = await organization.rows(
        "SELECT min(next_retry_at) > now() + interval '50 seconds' AS later FROM callback_deliveries"
        " WHERE endpoint_id = :id",
        id=endpoint.id,
    )
    assert waits.later
    late = await organization.tell()
    await organization.rows(
        "UPDATE callback_deliveries SET waiting_since = now() - interval '1 day' WHERE event_id = :id", id=late
    )
    assert (await deliver(organization, posts, breaker, late)).waiting == 0
    assert (await organization.deliveries(endpoint.id))[-1] == (6, "dead", 0)


async def test_without_redis_call_backs_go_out_all_the_same(organization: Organization) -> None:
    endpoint = await organization.listen("https://well.example/", sealed=VAULT.encrypt(new_secret()))
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        await deliver(organization, Posts(200), CircuitBreaker(nowhere, name="test"), await organization.tell())
    assert await organization.deliveries(endpoint.id) == [(1, "delivered", 1)]
