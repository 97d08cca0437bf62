"""The whole service as something that can be broken: what dies comes back under its old name and address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import asyncpg
import httpx

from devstack import DevStack, Service
from devstack.ports import free_port
from devstack.process import ManagedProcess
from devstack.service import RunningService, ServiceOptions, start_service
from tests.chaos.scenarios import Strike, Target
from tests.helpers.shop import FRESH, Shop

SERVERS: Final[tuple[Service, ...]] = ("postgres", "temporal", "valkey")
BLUEPRINTS: Final = 100
REQUESTS: Final = 60
_VARIABLES: Final = {
    "BULK_CHUNK_SIZE": "100",
    "BULK_CHUNKS_PER_RUN": "20",
    "EXPORT_TIMEOUT_SECONDS": "2",
    "WORKER_GRACE_SECONDS": "1",
    "RATE_LIMIT_REQUESTS": str(REQUESTS),
}
_BACK_SECONDS: Final = 40.0


class Site:
    """One stack and the service on it."""

    def __init__(self, stack: DevStack, service: RunningService) -> None:
        self.stack = stack
        self.service = service
        self.secrets = {*_texts(service.keys.private_key), service.keys.fernet_key}
        self._processes = dict(service.processes)
        self._control = httpx.Client(base_url=f"{service.simulator_url}/control", timeout=60, limits=FRESH)

    @classmethod
    def open(cls, stack: DevStack) -> Site:
        """Start the service on a started stack, under a request limit that a few exports can reach."""
        site = cls(stack, start_service(stack, ServiceOptions(products=1_000, variables=_VARIABLES)))
        site._control.patch("/knobs", json={"general_limit": REQUESTS}).raise_for_status()
        return site

    def close(self) -> None:
        """End our processes; the stack ends the servers."""
        for process in self._processes.values():
            process.kill()
        self._control.close()

    async def shop(self, products: int, seed: int) -> Shop:
        """A linked seller of its own."""
        wanted = {"products": products, "seed": seed, "blueprints": BLUEPRINTS}
        opened = (await asyncio.to_thread(self._control.post, "/sellers", json=wanted)).raise_for_status().json()
        self.secrets |= {opened["token"], opened["shared_secret"]}
        shop = Shop(self.service, opened["token"])
        await shop.link()
        return shop

    async def strike(self, strike: Strike) -> None:
        """kill -9, and back after a while."""
        await asyncio.to_thread(self._kill, strike.target)
        # How long it is away is a part of the fault.
        await asyncio.sleep(strike.down)
        await asyncio.to_thread(self._revive, strike.target)

    def _kill(self, target: Target) -> None:
        if target in SERVERS:
            self.stack.crash(target)
        else:
            self._processes[target].kill()

    def _revive(self, target: Target) -> None:
        if target in SERVERS:
            self.stack.restart(target, empty=target == "valkey")
        else:
            self._processes[target] = self.stack.respawn(self._processes[target])

    async def ready(self) -> None:
        """Return when the API reports its dependencies and the workers ready.

        Raises:
            AssertionError: it does not come to that.
        """
        url = f"{self.service.api_url}/health/ready"
        async with httpx.AsyncClient(timeout=10) as http:
            await within(_BACK_SECONDS, lambda: _answers(http, url), "the API is not ready")

    def dead(self) -> list[str]:
        """Processes that have ended though nobody killed them."""
        return [name for name, process in self._processes.items() if _ended(process)]

    def windows_over_limit(self) -> int:
        """Law L5, by the receiver's own book, over all sellers."""
        limits = self._control.get("/limits").raise_for_status().json()
        return sum(int(use["windows_over_limit"]) for use in limits.values())

    def leaks(self) -> list[str]:
        """Law L7: files of logs and of Temporal's histories that hold a secret."""
        files = [*self.stack.run_dir.glob("*.log"), self.stack.data_dir / "temporal" / "temporal.db"]
        return [path.name for path in files if _holds(path, self.secrets)]

    @property
    def staging(self) -> list[str]:
        """What lies on the staging disk."""
        root = Path(self.service.environment["STAGING_DIR"])
        return [path.name for path in root.iterdir()] if root.exists() else []


def chaos_ports() -> dict[str, int]:
    """Addresses that a restarted server keeps."""
    return {name: free_port() for name in (*SERVERS, "temporal-ui")}


async def within(seconds: float, holds: Callable[[], Awaitable[bool]], otherwise: str, pause: float = 0.05) -> None:
    """Poll until it holds.

    Raises:
        AssertionError: `otherwise`, after so many seconds.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while not await holds():
        assert clock() < end, f"{otherwise} after {seconds:g} s"
        await asyncio.sleep(pause)


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


async def read_through(shop: Shop, query: str, *values: object) -> list[asyncpg.Record] | None:
    """Rows of our database; None while it is away."""
    try:
        return await shop.rows(query, *values)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None


def _ended(process: ManagedProcess) -> bool:
    return process.exit_code is not None


def _texts(pem: str) -> list[str]:
    """The lines of a key that mean something."""
    return [line for line in pem.splitlines() if line and not line.startswith("-")]


def _holds(path: Path, secrets: set[str]) -> bool:
    text = path.read_bytes()
    return any(secret.encode() in text for secret in secrets)
