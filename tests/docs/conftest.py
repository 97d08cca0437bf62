"""One service with all its neighbours for the incidents of docs/operations.md, and a seller for each."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack import DevStack
from devstack.central import CentralServer
from devstack.ports import LOOPBACK, free_port
from devstack.service import ServiceOptions, start_service
from devstack.simulators.apismith.erp import Sizes
from tests.helpers.fake_api import CommandLine
from tests.helpers.incidents import Site
from tests.helpers.operations_page import Operator
from tests.helpers.shop import Shop

_WORKERS = {"worker-bulk": ("bulk-sync",), "worker-other": ("high-priority", "default")}
_VARIABLES = {
    "BULK_CHUNK_SIZE": "250",
    "EXPORT_TIMEOUT_SECONDS": "5",
    # So seldom that none will be met.
    "RECONCILE_INTERVAL_HOURS": "167",
    "WORKER_GRACE_SECONDS": "20",
    "CALLBACK_ALLOW_LOOPBACK": "true",
    "CALLBACK_RETRY_SCHEDULE": "1s",
}


@pytest.fixture(scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Everything at once, on servers of its own."""
    data_dir = tmp_path_factory.mktemp("operations")
    with DevStack(data_dir, services={"postgres", "valkey", "temporal"}, durable=False, environ={}) as stack:
        central = CentralServer.start(stack)
        options = ServiceOptions(
            products=1_000,
            workers=_WORKERS,
            variables={**_VARIABLES, **central.variables},
            erp=Sizes(sites=3, items=40, orders=5, order_lines=20),
        )
        port = free_port()
        stack.spawn("callbacks", (sys.executable, "-m", "devstack.simulators.callbacks", "--port", str(port)))
        service = start_service(stack, options)
        client = await Client.connect(stack.env()["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)
        yield Site(stack, service, central, f"http://{LOOPBACK}:{port}", client, dict(service.processes))
        service.stop()


@pytest.fixture
async def shop(site: Site) -> AsyncIterator[Shop]:
    """A linked seller with four chunks of stock."""
    async with httpx.AsyncClient(base_url=f"{site.service.simulator_url}/control", timeout=60) as control:
        seller = {"products": 1_000, "seed": 1, "blueprints": 1_000}
        token = (await control.post("/sellers", json=seller)).raise_for_status().json()["token"]
    opened = Shop(site.service, token)
    await opened.link()
    yield opened
    await opened.clear_faults()
    await opened.close()


@pytest.fixture
def brx(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Our commands, on a screen that is wide enough."""
    monkeypatch.setenv("COLUMNS", "200")
    return CommandLine(capsys)


class Desk:
    """Somebody who has set up a shell as the page says."""

    def __init__(self, site: Site, brx: CommandLine) -> None:
        self._site, self._brx = site, brx

    def plays(self, section: str, token: str = "", **values: object) -> Operator:
        """The commands of a section, typed by whom the token belongs to."""
        shell = {**self._site.service.environment, "BRX_API_URL": self._site.service.api_url, "BRX_TOKEN": token}
        return Operator(section, shell | {name: str(value) for name, value in values.items()}, self._brx)

    def about(self, section: str, shop: Shop, **values: object) -> Operator:
        """The commands of a section about a seller."""
        user = shop.user_id
        given = {"USER_ID": user, "SYNC": f"bulk-sync:{user}", "ACCOUNT": f"account:{user}"}
        return self.plays(section, self._site.service.access_token(user), **given, **values)


@pytest.fixture
def desk(site: Site, brx: CommandLine) -> Desk:
    """An operator's."""
    return Desk(site, brx)
