"""One seed's world: a generated ERP and a hub as processes of their own, real workers, and what dies among them."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx
from cryptography.fernet import Fernet
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from cli.bridge_demo.entities import IN_ORDER, DemoEntity
from db.bridge import history
from db.bridge.history import Batch, Request
from db.bridge.tables import entity_config, field_mappings
from db.session import Database
from devstack import DevStack, create_database
from devstack.ports import free_port
from devstack.process import ManagedProcess
from devstack.simulators.neighbour.tokens import STATIC_TOKEN
from tests.chaos.bridge.plot import SERVERS, WORKERS, Fault, Plot, Strike
from tests.helpers.migrations import migrate
from tests.helpers.waiting import eventually
from workflows.bridge.contracts import BatchRun
from workflows.bridge.starting import start_batch

SIZES: Final = {"sites": 5, "items": 200, "orders": 60, "order_lines": 120}
ENTITIES: Final = {entity.name: entity for entity in IN_ORDER}
_CALL: Final = timedelta(seconds=3)
_PATIENCE: Final = 150.0
_TURNS: Final = 8
T = TypeVar("T")
_AWAY: Final = (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass
class World:
    """What one seed plays with."""

    stack: DevStack
    plot: Plot
    client: Client
    database: Database
    urls: dict[str, str]
    http: httpx.AsyncClient
    processes: dict[str, ManagedProcess]
    ended: list[Batch] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)

    @classmethod
    async def open(cls, stack: DevStack, plot: Plot, client: Client) -> World:
        """A database, an ERP, a hub and two workers of its own."""
        url = await create_database(stack.env()["DATABASE_URL"], f"bridge_{plot.seed}")
        await migrate(url)
        processes, urls = {}, {}
        for name in ("apismith", "schedulehub"):
            port = free_port()
            argv = [sys.executable, "-m", f"devstack.simulators.{name}", "--port", str(port)]
            if name == "apismith":
                flags = {"seed": plot.seed, **SIZES}
                argv += [f"--{flag.replace('_', '-')}={value}" for flag, value in flags.items()]
            processes[name] = stack.spawn(f"{name}-{plot.seed}", argv)
            urls[name] = f"http://127.0.0.1:{port}"
        variables = {
            "DATABASE_URL": url,
            "ENVIRONMENT": "test",
            "FERNET_KEY": Fernet.generate_key().decode(),
            "APISMITH_URL": urls["apismith"],
            "APISMITH_TOKEN": STATIC_TOKEN,
            "APISMITH_TIMEOUT_SECONDS": "2",
            "SCHEDULEHUB_URL": urls["schedulehub"],
            "SCHEDULEHUB_TOKEN": STATIC_TOKEN,
            "SCHEDULEHUB_TIMEOUT_SECONDS": "2",
            "ORDER_SWEEP_SECONDS": "0",
            "RECONCILE_INTERVAL_HOURS": "0",
            "LOG_LEVEL": "WARNING",
            "WORKER_GRACE_SECONDS": "1",
        }
        for name in WORKERS:
            argv = [sys.executable, "-m", "cli", "worker"]
            processes[name] = stack.spawn(f"{name}-{plot.seed}", argv, grace_seconds=1, **variables)
        http = httpx.AsyncClient(timeout=30)
        world = cls(stack, plot, client, Database.connect(url), urls, http, processes)
        for name in urls:
            await eventually(lambda name=name: world.control(name, "GET", "health"), 30, pause=0.1)  # type: ignore[misc]
        await world._define()
        return world

    async def close(self) -> None:
        """End what is ours; the stack ends the servers."""
        await asyncio.gather(*(asyncio.to_thread(process.kill) for process in self.processes.values()))
        await self.http.aclose()
        await self.database.close()

    async def _define(self) -> None:
        async with self.database.begin() as connection:
            for entity in ENTITIES.values():
                await connection.execute(insert(entity_config).values(_stored(entity)))
                for mapping in entity.mappings:
                    await connection.execute(insert(field_mappings).values(entity_name=entity.name, **mapping))

    async def sync(self, name: str, sync_type: str = "full", *, page_size: int | None = None) -> Batch:
        """Batches of an entity until one of them completes, as an operator would; every one is noted."""
        for _ in range(_TURNS):
            batch = await self._batch(name, sync_type, page_size or self.plot.page_size)
            self.ended.append(batch)
            if batch.status.startswith("completed"):
                return batch
        raise AssertionError(f"{name}: {batch.status} {batch.error_code} after {_TURNS} batches")

    async def _batch(self, name: str, sync_type: str, page_size: int) -> Batch:
        uid = await eventually(lambda: self._registered(name, sync_type, page_size), _PATIENCE, pause=0.1)
        run = BatchRun.model_validate(
            {"batch_uid": uid, "source_system": "erp", "entity_name": name, "sync_type": sync_type}
        )

        async def has_ended() -> Batch:
            # A start that is lost, or comes while the batch before is closing, is made up for.
            batch = await self._look(uid)
            assert batch is not None
            if batch.status == "pending":
                with suppress(WorkflowAlreadyStartedError, RPCError, RuntimeError):
                    await start_batch(self.client, run, timeout=_CALL)
            assert not batch.is_open, f"{name}: {batch.status}"
            return batch

        return await eventually(has_ended, _PATIENCE, pause=0.3)

    async def _registered(self, name: str, sync_type: str, page_size: int) -> UUID:
        uid = uuid4()
        values = {"source_system": "erp", "sync_type": sync_type, "connector_api_slug": name, "page_size": page_size}
        request = Request(entity_name=name, force=True, **values)  # type: ignore[arg-type]

        async def register() -> bool:
            async with self.database.begin() as connection:
                return await history.register(connection, uid, request)

        assert await self.through(register()), f"another batch of {name} is under way"
        return uid

    async def _look(self, uid: UUID) -> Batch | None:
        async def look() -> Batch | None:
            async with self.database.begin() as connection:
                return await history.find(connection, uid)

        return await self.through(look())

    async def through(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What the database answers; None while it is away."""
        try:
            return await work
        except _AWAY:
            return None

    async def control(self, name: str, method: str, path: str, body: object = None, **query: str) -> httpx.Response:
        """A neighbour's control API; it fails nowhere."""
        url = f"{self.urls[name]}/control/{path}"
        try:
            answer = await self.http.request(method, url, json=body, params=query)
        except httpx.TransportError as error:
            raise AssertionError(f"{url}: {error!r}") from None
        return answer.raise_for_status()

    async def lines(self, name: str, path: str, **query: str) -> list[bytes]:
        """A neighbour's book of rows."""
        return (await self.control(name, "GET", path, **query)).content.splitlines()

    async def upset(self, of_erp: Sequence[Fault], of_hub: Sequence[Fault]) -> None:
        """These faults, and no others any more; those that were are counted."""
        for name, faults in (("apismith", of_erp), ("schedulehub", of_hub)):
            for fault in (await self.control(name, "GET", "faults")).json():
                self.struck[fault["spec"]["kind"]] += fault["struck"]
            await self.control(name, "DELETE", "faults")
            for number, fault in enumerate(faults):
                await self.control(name, "POST", "faults", {**fault, "seed": self.plot.seed + number})

    async def calls(self) -> int:
        """How often both neighbours were called so far."""
        books = [(await self.control(name, "GET", "calls")).json() for name in self.urls]
        return sum(count for book in books for key, count in book.items() if " " in key and "control" not in key)

    async def move(self, rows: int, after: int, over: Callable[[], bool]) -> None:
        """The ERP changes meanwhile: lines go, too, for nobody is their child."""
        await self._due(after, over)
        for name in ENTITIES:
            for seed, motion in enumerate(("change", "add", "remove")):
                if motion != "remove" or name == "order_lines":
                    wanted = {"slug": name, "rows": rows, "seed": self.plot.seed + seed}
                    await self.control("apismith", "POST", motion, wanted)

    async def strike(self, strike: Strike, over: Callable[[], bool]) -> None:
        """kill -9 when the neighbours were called often enough, or all is over; back after a while."""
        await self._due(strike.after, over)
        self.struck[f"kill {strike.target}" if not over() else "too late"] += 1
        await asyncio.to_thread(self._kill, strike)
        # How long it is away is a part of the fault.
        await asyncio.sleep(strike.down)
        await asyncio.to_thread(self._revive, strike)

    async def _due(self, after: int, over: Callable[[], bool]) -> None:
        before = await self.calls()

        async def due() -> None:
            assert over() or await self.calls() - before >= after

        await eventually(due, _PATIENCE, pause=0.1)

    def _kill(self, strike: Strike) -> None:
        if strike.target in SERVERS:
            self.stack.crash(strike.target)
        else:
            self.processes[strike.target].kill()

    def _revive(self, strike: Strike) -> None:
        if strike.target in SERVERS:
            self.stack.restart(strike.target)
        else:
            self.processes[strike.target] = self.stack.respawn(self.processes[strike.target])


def _stored(entity: DemoEntity) -> dict[str, Any]:
    """As the API saves it."""
    body = entity.body()
    refs = {
        ref: {"parent_entity": parent["parent_entity"], "fields": {parent["parent_field"]: parent["child_field"]}}
        for ref, parent in body.pop("parent_refs_config").items()
    }
    del body["field_mappings"]
    return {**body, "source_system": "erp", "parent_refs_config": refs}
