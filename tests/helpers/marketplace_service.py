"""The marketplace context in one process: its routes, its activities on workers, its relay; and who uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.fernet import Fernet
from fastapi import FastAPI
from redis.asyncio import Redis
from temporalio.client import Client
from temporalio.worker import Worker

from activities.connections import Connections
from activities.marketplace.relay import relaying_callbacks
from activities.marketplace.wiring import open_marketplace
from api.main import create_app
from api.marketplace.services import ImportRuns, MarketplaceServices
from clients.callbacks import Guard
from db.session import Database
from db.vault import Vault
from devstack.simulators.callbacks.receiver import Manners, Receiver
from domain.marketplace.mock import Credentials
from tests.helpers.api import bearer, fake_services, opening, serving, settings_for_tests, token_for
from tests.helpers.openapi import Documented
from workflows.marketplace.registry import MARKETPLACE_WORKFLOWS
from workflows.marketplace.starting import start_replay
from workflows.task_queues import DEFAULT, HIGH_PRIORITY

MOUNT = "/marketplace"


def marketplace_services(database: Database, vault: Vault, client: Client | None = None, **changes: Any) -> Any:
    """Services of the context; without a client no workflow can be started."""
    plain = fake_services(database)
    names = ("authenticator", "public_base_url", "probes", "clock", "new_id", "transaction_seconds")
    shared = {name: getattr(plain, name) for name in names}
    accounts = {name: Credentials(f"{name}_user", f"{name}_pass") for name in ("etsy", "shopify", "amazon")}
    runs = ImportRuns(client) if client is not None else NoRuns()
    replay = partial(start_replay, client, timeout=timedelta(seconds=5)) if client is not None else _no_replay
    values: dict[str, Any] = {
        **shared,
        "database": database,
        "vault": vault,
        "imports": runs,
        "guard": Guard(allow_loopback=True),
        "start_replay": replay,
        "mock_accounts": accounts,
    }
    return MarketplaceServices(**{**values, **changes})


class NoRuns(ImportRuns):
    """Temporal is away."""

    def __init__(self) -> None:
        """Nothing to connect to."""

    async def ended(self, receipt: Any) -> bool:
        """Never."""
        return False


async def _no_replay(_replay_id: UUID, _organization_id: str) -> None:
    raise RuntimeError("Temporal is away")


@dataclass
class MarketplaceService:
    """What runs."""

    http: httpx.AsyncClient
    database: Database
    vault: Vault
    temporal: Client
    calls: list[str] = field(default_factory=list)


class _Counting(httpx.AsyncBaseTransport):
    """Reaches the application, and keeps which receipts were asked for."""

    def __init__(self, app: FastAPI, calls: list[str]) -> None:
        self._inner, self._calls = httpx.ASGITransport(app), calls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._calls.append(request.read().decode())
        return await self._inner.handle_async_request(request)


@asynccontextmanager
async def running_service(
    database_url: str, redis_url: str, temporal: Client, **settings: Any
) -> AsyncIterator[MarketplaceService]:
    """API, workers and relay until the end of the block; waits are short. Every answer is held against the document."""
    key = Fernet.generate_key().decode()
    chosen = settings_for_tests(
        database_url=database_url,
        redis_url=redis_url,
        mock_api_base_url=f"http://api{MOUNT}",
        callback_allow_loopback=True,
        callback_timeout_seconds=2,
        callback_retry_schedule="0.1s,0.1s,0.1s",
        marketplace_rate_limit_requests=10_000,
        **settings,
    )
    vault, calls = Vault([key]), list[str]()
    async with AsyncExitStack() as stack:
        database = Database.connect(database_url, pool_size=10, max_overflow=5)
        stack.push_async_callback(database.close)
        services = marketplace_services(database, vault, temporal)
        app = create_app(settings_for_tests(), opening(fake_services(), marketplace=services))
        http = await stack.enter_async_context(serving(app))
        documented = Documented(create_app(settings_for_tests(), only="marketplace").openapi(), MOUNT)
        http.event_hooks["response"].append(documented)
        redis = Redis.from_url(redis_url)
        stack.push_async_callback(redis.aclose)
        counting = httpx.AsyncClient(transport=_Counting(app, calls), event_hooks={"response": [documented]})
        mocks = await stack.enter_async_context(counting)
        connections = Connections(database, redis, mocks, vault, temporal)
        activities = await stack.enter_async_context(open_marketplace(chosen, connections))
        await stack.enter_async_context(relaying_callbacks(database_url, temporal, interval=0.05))
        high = Worker(
            temporal,
            task_queue=HIGH_PRIORITY,
            workflows=MARKETPLACE_WORKFLOWS,
            activities=activities[HIGH_PRIORITY],
        )
        await stack.enter_async_context(high)
        await stack.enter_async_context(Worker(temporal, task_queue=DEFAULT, activities=activities[DEFAULT]))
        yield MarketplaceService(http, database, vault, temporal, calls)


@dataclass
class Consumer:
    """One organisation at the API, with inboxes of its own at the receiver."""

    service: MarketplaceService
    receiver_url: str
    receiver: Receiver
    organization_id: str = field(default_factory=lambda: f"org-{uuid4()}")
    user_id: UUID = field(default_factory=uuid4)

    @property
    def headers(self) -> dict[str, str]:
        """A token that speaks for it."""
        return bearer(token_for(self.user_id, org=self.organization_id))

    async def send(self, method: str, path: str, body: object = None, **params: Any) -> httpx.Response:
        """A request of the organisation."""
        return await self.service.http.request(method, MOUNT + path, json=body, params=params, headers=self.headers)

    async def ask(self, method: str, path: str, body: object = None, **params: Any) -> Any:
        """The JSON of a request that has to succeed."""
        answer = await self.send(method, path, body, **params)
        assert answer.is_success, answer.text
        return answer.json()

    async def store(self, name: str = "ext-1", marketplace: str = "etsy") -> dict[str, str]:
        """A registered store."""
        body = {
            "organizationId": self.organization_id,
            "marketplace": marketplace,
            "externalStoreId": name,
            "storeName": "My Store",
            "accessToken": "token-abc",
            "currency": "usd",
        }
        registered: dict[str, str] = await self.ask("POST", "/stores/register", body)
        return registered

    async def import_(self, store: dict[str, str], receipt: str) -> Any:
        """An import by the store's token alone."""
        answer = await self.service.http.post(
            f"{MOUNT}/orders/import", json={"syncToken": store["syncToken"], "receipt": receipt}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def status(self, store: dict[str, str]) -> Any:
        """The status by the token in the header."""
        headers = {"X-Sync-Token": store["syncToken"]}
        return (await self.service.http.get(f"{MOUNT}/stores/sync-status", headers=headers)).json()

    def inbox(self, name: str) -> str:
        """An inbox of this organisation alone."""
        return f"{name}-{self.user_id}"

    async def listen(self, name: str = "a", event: str = "sync.completed", manners: Manners | None = None) -> Any:
        """A registered endpoint that is an inbox of the receiver."""
        if manners is not None:
            self.receiver.behave(self.inbox(name), manners)
        url = f"{self.receiver_url}/webhook/{self.inbox(name)}"
        body = {"organizationId": self.organization_id, "event": event, "targetUrl": url}
        return await self.ask("POST", "/webhooks/register", body)

    def received(self, name: str = "a") -> list[Any]:
        """What came to an inbox."""
        return [one for one in self.receiver.books if one.inbox == self.inbox(name)]
