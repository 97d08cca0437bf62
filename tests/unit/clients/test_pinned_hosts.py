"""Whatever a remote answers, and whatever stands in a name: a client speaks to its configured host alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from clients.apismith import ApiSmith
from clients.central import Adjustment, CentralClient
from clients.central.tokens import Credentials as CentralCredentials
from clients.errors import ClientError
from clients.marketplace.validating import Account, Validation
from clients.neighbour import Place
from clients.schedulehub import ScheduleHub
from tests.helpers.cardtrader_client import Bucket
from tests.helpers.neighbours import AT_ONCE, BY_LOGIN

HOST: Final = "configured.test"
BASE: Final = f"http://{HOST}"
ELSEWHERE: Final = "http://evil.test/steal"
# What a row, a shop or a configuration may name.
NAMES: Final = ("plain", "//evil.test/x", "@evil.test/", "http://evil.test/", "..//evil.test", "\\\\evil.test", "a?b#c")
Use = Callable[[httpx.AsyncClient, str], Awaitable[object]]


async def apismith(http: httpx.AsyncClient, name: str) -> object:
    return await ApiSmith.connect(http, Place(BASE), BY_LOGIN, patience=AT_ONCE).execute(name, page_size=1)


async def schedulehub(http: httpx.AsyncClient, name: str) -> object:
    return await ScheduleHub.connect(http, Place(BASE), BY_LOGIN, patience=AT_ONCE).query(name, ["0" * 64])


async def central(http: httpx.AsyncClient, name: str) -> object:
    client = CentralClient.connect(http, BASE, CentralCredentials("service", SecretStr("secret")))
    assert client is not None
    return await client.adjust(Adjustment(name, -1, 0, UUID(int=7)))


async def marketplace(http: httpx.AsyncClient, name: str) -> object:
    validation = Validation(http, BASE, {name: Account("user", "password")}, Bucket([], "general"))
    return await validation.ask(name, "order-1", "EUR", "bulk")


USES: Final = {"apismith": apismith, "schedulehub": schedulehub, "central": central, "marketplace": marketplace}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_led_to_another_host(use: Use, status: int) -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        if request.url.path.rstrip("/").endswith(("/token", "/login")):
            return httpx.Response(200, json={"access_token": "t", "refresh_token": "r", "expires_in": 100})
        return httpx.Response(status, headers={"Location": ELSEWHERE})

    # The client of the process follows none; even of one that would, nobody is led away.
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), follow_redirects=True) as http:
        with suppress(ClientError):
            await use(http, "plain")
    assert len(hosts) >= 1
    assert set(hosts) == {HOST}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_no_name_leads_to_another_host(use: Use) -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(200, json={"access_token": "t", "refresh_token": "r", "expires_in": 100})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        for name in NAMES:
            with suppress(ClientError):
                await use(http, name)
    assert len(hosts) >= len(NAMES)
    assert set(hosts) == {HOST}
