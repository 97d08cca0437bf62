"""The whole service on a development stack: simulated neighbours, API and workers as supervised processes.

    with DevStack(Path(".devstack")) as stack:
        service = start_service(stack, ServiceOptions(products=50_000))
        httpx.get(f"{service.api_url}/health/ready")

The processes belong to the stack and end with it. A second start on the same data directory finds its keys,
accounts and stock again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.request import urlopen
from uuid import UUID

from devstack.errors import NotReadyError
from devstack.keys import DevelopmentKeys, mint_token
from devstack.ports import LOOPBACK, free_port
from devstack.process import Command, ManagedProcess, run_to_end
from devstack.receiving import start_receiver
from devstack.simulators.apismith.erp import Sizes
from devstack.simulators.cardtrader.generator import default_blueprints
from devstack.simulators.catalogue import build_catalogue
from devstack.simulators.neighbour.tokens import STATIC_TOKEN
from devstack.stack import DevStack

CARDTRADER_TOKEN: Final = "development-seller"  # noqa: S105 - opens nothing but a simulator
READY_SECONDS: Final = 60.0
_TOKEN_LIFETIME: Final = timedelta(days=1)
_SIMULATOR_SECONDS: Final = 300.0
_WORKER_GRACE_SECONDS: Final = 30.0
_NEIGHBOURS: Final = ("apismith", "schedulehub")


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Size and shape. Ports are free ones unless given; `variables` override settings of our processes.

    `workers` maps a process name to its queues. `erp`: rows of a simulated ERP, which is there with its hub if given.
    `callbacks`: a receiver of call-backs, at port 4000 where that is free, and retries within seconds.
    Without `sweeps` no account is reconciled by itself: at that time of day it would be in the way of what is measured
    or tested.
    """

    products: int = 10_000
    seed: int = 1
    api_port: int | None = None
    simulator_port: int | None = None
    simulator_flags: Sequence[str] = ()
    workers: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {
            "worker-bulk-1": ("bulk-sync",),
            "worker-bulk-2": ("bulk-sync",),
            "worker-other": ("high-priority", "default"),
        }
    )
    variables: Mapping[str, str] = field(default_factory=dict)
    sweeps: bool = False
    erp: Sizes | None = None
    callbacks: bool = False


@dataclass(frozen=True, slots=True)
class RunningService:
    """Where everything is. `processes` by name: simulator, api and the workers; apismith and schedulehub on wish."""

    api_url: str
    simulator_url: str
    environment: Mapping[str, str] = field(repr=False)
    keys: DevelopmentKeys
    processes: Mapping[str, ManagedProcess]

    @property
    def apismith_url(self) -> str:
        """The simulated ERP."""
        return self.environment["APISMITH_URL"]

    @property
    def callbacks_url(self) -> str:
        """The receiver of call-backs."""
        return self.environment["CALLBACK_RECEIVER_URL"]

    @property
    def schedulehub_url(self) -> str:
        """The simulated hub."""
        return self.environment["SCHEDULEHUB_URL"]

    def access_token(self, user_id: UUID, roles: Sequence[str] = (), **more: str) -> str:
        """A token of that caller, valid for a day; `more` are further claims."""
        now = datetime.now(UTC)
        return mint_token(self.keys.private_key, user_id, roles=roles, more=more, lifetime=_TOKEN_LIFETIME, now=now)

    def check_alive(self) -> None:
        """Raise `NotReadyError` for the first process that has ended."""
        _check_alive(self.processes.values())

    def stop(self) -> None:
        """Stop all processes at once, which the stack would do one after the other; idempotent."""
        with ThreadPoolExecutor(max_workers=len(self.processes)) as pool:
            for stopped in [pool.submit(process.stop) for process in self.processes.values()]:
                stopped.result()


def start_service(stack: DevStack, options: ServiceOptions | None = None) -> RunningService:
    """Start everything and return once the API reports all its dependencies and the workers ready.

    Raises:
        NotReadyError: a process ended or stayed silent; names it and its log.
    """
    return _Starter(stack, options or ServiceOptions()).start()


class _Starter:
    """Carries what the steps of a start share."""

    def __init__(self, stack: DevStack, options: ServiceOptions) -> None:
        self._stack = stack
        self._options = options
        self._keys = DevelopmentKeys.ensure(stack.data_dir / "keys")
        self._simulator_port = options.simulator_port or free_port()
        self._api_port = options.api_port or free_port()
        self._neighbours = {} if options.erp is None else {name: _at(free_port()) for name in _NEIGHBOURS}
        self._environment = self._settings()
        self._processes: dict[str, ManagedProcess] = {}

    def start(self) -> RunningService:
        # The simulator renders its stock while the schema is made.
        simulator = self._spawn("simulator", self._simulator())
        neighbours = {name: self._spawn(name, self._neighbour(name)) for name in self._neighbours}
        build_catalogue(self._environment["CATALOG_URL"], default_blueprints(self._options.products))
        self._migrate()
        if self._options.callbacks:
            _, url = start_receiver(self._receiver)
            self._environment |= {**_call_backs_to(url), **self._options.variables}
        api = self._spawn("api", ("-m", "cli", "api", "--port", str(self._api_port)))
        for name, queues in self._options.workers.items():
            self._spawn(name, ("-m", "cli", "worker", *(part for queue in queues for part in ("--queue", queue))))
        self._wait(simulator, f"{self._simulator_url}/control/health", _SIMULATOR_SECONDS)
        for name, process in neighbours.items():
            self._wait(process, f"{self._neighbours[name]}/control/health", _SIMULATOR_SECONDS)
        self._wait(api, f"{self._api_url}/health/ready", READY_SECONDS)
        return RunningService(self._api_url, self._simulator_url, self._environment, self._keys, self._processes)

    @property
    def _api_url(self) -> str:
        return _at(self._api_port)

    @property
    def _simulator_url(self) -> str:
        return _at(self._simulator_port)

    def _settings(self) -> dict[str, str]:
        return {
            **self._stack.env(),
            **self._keys.env(),
            "ENVIRONMENT": "development",
            "AWS_SSM_ENABLED": "false",
            "LOG_FORMAT": "json",
            "PUBLIC_BASE_URL": self._api_url,
            "CARDTRADER_API_BASE_URL": f"{self._simulator_url}/api/v2",
            "STAGING_DIR": str(self._stack.data_dir.absolute() / "staging"),
            **{f"{name}_URL".upper(): url for name, url in self._neighbours.items()},
            **{f"{name}_TOKEN".upper(): STATIC_TOKEN for name in self._neighbours},
            "MOCK_API_BASE_URL": f"{self._api_url}/marketplace",
            **({} if self._options.sweeps else {"RECONCILE_INTERVAL_HOURS": "0", "ORDER_SWEEP_SECONDS": "0"}),
            **self._options.variables,
        }

    def _simulator(self) -> tuple[str, ...]:
        size = ("--products", str(self._options.products), "--seed", str(self._options.seed))
        place = ("--port", str(self._simulator_port), "--cache-dir", str(self._stack.data_dir / "cache"))
        module = "devstack.simulators.cardtrader"
        return ("-m", module, *place, *size, "--token", CARDTRADER_TOKEN, *self._options.simulator_flags)

    def _neighbour(self, name: str) -> tuple[str, ...]:
        place = ("-m", f"devstack.simulators.{name}", "--port", self._neighbours[name].rpartition(":")[2])
        if name != "apismith" or self._options.erp is None:
            return place
        sizes = asdict(self._options.erp).items()
        rows = [part for table, size in sizes for part in (f"--{table.replace('_', '-')}", str(size))]
        return (*place, "--seed", str(self._options.seed), *rows)

    def _receiver(self, port: int) -> ManagedProcess:
        return self._spawn("callbacks", ("-m", "devstack.simulators.callbacks", "--port", str(port)))

    def _migrate(self) -> None:
        argv = (sys.executable, "-m", "cli", "migrate")
        run_to_end(Command("migrate", argv, self._stack.run_dir, environment={**os.environ, **self._environment}))

    def _spawn(self, name: str, arguments: Sequence[str]) -> ManagedProcess:
        argv = (sys.executable, *arguments)
        process = self._stack.spawn(name, argv, grace_seconds=_WORKER_GRACE_SECONDS, **self._environment)
        self._processes[name] = process
        return process

    def _wait(self, process: ManagedProcess, url: str, deadline: float) -> None:
        process.wait_ready(lambda: _answers(url, self._processes.values()), deadline)


def _call_backs_to(url: str) -> dict[str, str]:
    """Settings of a service that may call this machine back, and does not take minutes for it."""
    return {
        "CALLBACK_RECEIVER_URL": url,
        "CALLBACK_ALLOW_LOOPBACK": "true",
        "CALLBACK_RETRY_SCHEDULE": "2s,5s,10s",
        "RECEIPT_RETRY_SCHEDULE": "5s,30s,5m",
        "ORDER_SWEEP_SECONDS": "5",
    }


def _at(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _answers(url: str, processes: Iterable[ManagedProcess]) -> bool:
    _check_alive(processes)
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def _check_alive(processes: Iterable[ManagedProcess]) -> None:
    for process in processes:
        if process.exit_code is not None:
            raise NotReadyError(process.command.name, f"ended with exit code {process.exit_code}", process.command.log)
