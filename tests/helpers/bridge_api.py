"""An application with fakes of the `bridge` context, and callers of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import Table, insert
from starlette.routing import Mount

from api.bridge.background_schedules import BackgroundSchedules
from api.bridge.batches import BridgeBatches
from api.bridge.entity_schedules import EntitySchedules
from api.bridge.services import BridgeServices
from api.main import create_app
from api.services import Services
from db.bridge.background import Schedule
from db.bridge.entities import ScheduledEntity
from db.bridge.history import Batch
from db.session import Database
from tests.helpers.api import bearer, fake_services, healthy_probes, opening, serving, settings_for_tests, token_for
from workflows.bridge.contracts import background_sync_id

MOUNT = "/bridge"
PREFIX = f"{MOUNT}/api/v1"


@dataclass
class FakeBatches(BridgeBatches):
    """Workflows that start and run until they are cancelled; `error` is raised instead of an answer."""

    error: Exception | None = None
    started: list[Batch] = field(default_factory=list)
    cancelled: list[UUID] = field(default_factory=list)

    async def start(self, batch: Batch) -> None:
        """Remember."""
        if self.error is not None:
            raise self.error
        self.started.append(batch)

    async def cancel(self, batch: Batch) -> bool:
        """Whether it was started."""
        if batch.uid not in [started.uid for started in self.started]:
            return False
        self.cancelled.append(batch.uid)
        return True

    async def until(self, check: Callable[[], Awaitable[bool]]) -> bool:
        """Look three times, without waiting."""
        return any([await check() for _ in range(3)])


@dataclass
class FakeSchedules(BackgroundSchedules):
    """What would be at Temporal: the schedules by uid, and whether they are held; `error` is raised instead."""

    error: Exception | None = None
    running: bool = True
    known: dict[UUID, Schedule] = field(default_factory=dict)
    begun: list[tuple[UUID, bool]] = field(default_factory=list)

    async def is_running(self) -> bool:
        """Whether they were started last."""
        self._answer()
        return self.running

    async def put(self, schedule: Schedule) -> None:
        """Remember."""
        self._answer()
        self.known[schedule.uid] = schedule

    async def remove(self, uid: UUID) -> None:
        """Forget."""
        self._answer()
        self.known.pop(uid, None)

    async def stop_all(self, schedules: Iterable[Schedule]) -> None:
        """Remember."""
        self._answer()
        self.running = False

    async def start_all(self, schedules: Iterable[Schedule]) -> None:
        """Remember."""
        self._answer()
        self.running = True

    async def begin_night(self, schedule: Schedule, *, force: bool) -> str:
        """Remember."""
        self._answer()
        self.begun.append((schedule.uid, force))
        return background_sync_id(schedule.uid)

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error


@dataclass
class FakeEntitySchedules(EntitySchedules):
    """What would be at Temporal, by uid, with the reason for which it is held."""

    error: Exception | None = None
    known: dict[UUID, tuple[str, str | None]] = field(default_factory=dict)

    async def put(self, entity: ScheduledEntity, *, held: str | None = None) -> None:
        """Remember."""
        if self.error is not None:
            raise self.error
        self.known[entity.uid] = (entity.cron, entity.held or held)

    async def remove(self, entity: ScheduledEntity) -> None:
        """Forget."""
        if self.error is not None:
            raise self.error
        self.known.pop(entity.uid, None)


def as_role(*roles: str) -> dict[str, str]:
    """Headers of somebody with these roles."""
    return bearer(token_for(uuid4(), roles=list(roles)))


def fake_bridge(database: Database | None = None, **changes: Any) -> BridgeServices:
    """Services without a network; the database is nowhere unless given."""
    cards = fake_services(database)
    shared = {each.name: getattr(cards, each.name) for each in fields(Services)}
    return BridgeServices(
        **{
            **shared,
            "environment": "test",
            "batches": FakeBatches(),
            "schedules": FakeSchedules(),
            "entity_schedules": FakeEntitySchedules(),
            "checks": healthy_probes(),
            **changes,
        }
    )


def bridge_app() -> FastAPI:
    """The mounted application alone, for its document."""
    mounts = (route for route in create_app(settings_for_tests()).routes if isinstance(route, Mount))
    [app] = [mount.app for mount in mounts if mount.path == MOUNT]
    assert isinstance(app, FastAPI)
    return app


@asynccontextmanager
async def serving_bridge(services: BridgeServices | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application whose bridge works with these."""
    bridge = services or fake_bridge()
    app = create_app(settings_for_tests(), opening(fake_services(bridge.database), bridge=bridge))
    async with serving(app) as http:
        yield http


@dataclass(frozen=True)
class Bridge:
    """A caller of the bridge, an operator unless told otherwise; paths are those below its prefix."""

    http: httpx.AsyncClient
    services: BridgeServices
    roles: tuple[str, ...] = ("operator",)

    async def __call__(self, method: str, path: str, body: object = None, **query: Any) -> httpx.Response:
        """One request."""
        return await self.http.request(method, f"{PREFIX}{path}", json=body, params=query, headers=as_role(*self.roles))

    async def ok(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """The JSON of an answer that must be a success."""
        answer = await self(method, path, body, **query)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def reader(self) -> Bridge:
        """The same as somebody who may only look."""
        return replace(self, roles=("reader",))

    async def entity(self, **changes: Any) -> dict[str, Any]:
        """A new entity of a name of its own, as it is shown."""
        name = f"entity_{uuid4().hex[:8]}"
        body = {"entity_name": name, "connector_api_slug": "slug", "business_key_fields": ["id"], **changes}
        shown: dict[str, Any] = await self.ok("POST", "/entities", body)
        return shown

    async def write(self, table: Table, *rows: dict[str, Any]) -> None:
        """Insert rows."""
        async with self.services.transaction() as connection:
            await connection.execute(insert(table), list(rows))
