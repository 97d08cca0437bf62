"""Both neighbours of the bridge in this process, and our clients of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from clients.apismith import ApiSmith
from clients.neighbour import Credentials, Patience, Place
from clients.schedulehub import ScheduleHub
from devstack.simulators.apismith import app as apismith_app
from devstack.simulators.apismith.erp import Sizes
from devstack.simulators.apismith.source import Source
from devstack.simulators.neighbour.faults import FaultSpec
from devstack.simulators.neighbour.gate import Doors
from devstack.simulators.neighbour.tokens import PASSWORD, STATIC_TOKEN, USERNAME, Tokens
from devstack.simulators.schedulehub import app as schedulehub_app
from devstack.simulators.schedulehub.books import Books
from devstack.simulators.schedulehub.hub import Hub

SMALL = Sizes(sites=3, items=40, orders=5, order_lines=20)
BY_TOKEN = Credentials(token=SecretStr(STATIC_TOKEN))
BY_LOGIN = Credentials(username=USERNAME, password=SecretStr(PASSWORD))
# Tries follow each other at once.
AT_ONCE = Patience(tries=3, first=0.0)


def doors() -> Doors:
    return Doors(Tokens(STATIC_TOKEN, USERNAME, PASSWORD))


@dataclass
class ErpHere:
    """A simulated APISmith; what is asked of it takes no socket."""

    sizes: Sizes = SMALL
    source: Source = field(init=False)

    def __post_init__(self) -> None:
        self.source = Source(doors(), self.sizes)
        transport = httpx.ASGITransport(app=apismith_app.create_app(self.source))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://erp")

    def client(self, credentials: Credentials = BY_TOKEN) -> ApiSmith:
        return ApiSmith.connect(self.http, Place("http://erp"), credentials, patience=AT_ONCE)

    def break_with(self, spec: FaultSpec) -> None:
        self.source.doors.faults.add(spec)


@dataclass
class HubHere:
    """A simulated ScheduleHub; likewise."""

    plain_errors: bool = False
    hub: Hub = field(init=False)

    def __post_init__(self) -> None:
        self.hub = Hub(doors(), Books(), plain_errors=self.plain_errors)
        transport = httpx.ASGITransport(app=schedulehub_app.create_app(self.hub))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://hub")

    def client(self, credentials: Credentials = BY_TOKEN) -> ScheduleHub:
        return ScheduleHub.connect(self.http, Place("http://hub"), credentials, patience=AT_ONCE)

    def break_with(self, spec: FaultSpec) -> None:
        self.hub.doors.faults.add(spec)
