"""What both neighbours' clients share: tokens, tries, waits, and what is never followed or shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from clients.apismith import FAULTS, SourceRejected, SourceUnavailable, SourceUnusable
from clients.errors import Postponed
from clients.neighbour import Credentials, Patience, Place, Request, Transport
from clients.neighbour.tokens import Login, Tokens
from clients.neighbour.transport import segment
from devstack.simulators.neighbour.faults import FaultSpec
from devstack.simulators.neighbour.tokens import PASSWORD, USERNAME
from devstack.simulators.neighbour.tokens import Tokens as Door
from tests.helpers.neighbours import BY_LOGIN, BY_TOKEN, ErpHere

Handler = Callable[[httpx.Request], httpx.Response]
ASK = Request("GET", "apis")


def transport(handler: Handler, waits: list[float] | None = None, **settings: Any) -> Transport:
    """With a sleep that only remembers."""
    slept = [] if waits is None else waits

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    http = httpx.AsyncClient(transport=httpx.MockTransport(handler), follow_redirects=True)
    given: dict[str, Any] = {"credentials": BY_TOKEN, "place": Place("http://erp"), "patience": Patience(chance=zero)}
    given |= settings
    return Transport(http, given["place"], given["credentials"], FAULTS, patience=given["patience"], sleep=sleep,
                     answer_cap=given.get("answer_cap", 1000))  # fmt: skip


def zero() -> float:
    return 0.0


def each(*answers: httpx.Response | Exception) -> Handler:
    """One answer after the other."""
    waiting = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        found = waiting.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return answer


async def test_a_login_is_made_once_for_all_and_kept() -> None:
    erp = ErpHere()
    client = erp.client(BY_LOGIN)
    await asyncio.gather(*(client.execute("items", page_size=5) for _ in range(5)))
    await client.execute("items", page_size=5)
    tokens = erp.source.doors.tokens
    assert (tokens.logins, tokens.refreshes) == (1, 0)


async def test_a_token_that_is_over_is_refreshed_once_for_all() -> None:
    erp = ErpHere()
    client = erp.client(BY_LOGIN)
    await client.execute("items", page_size=5)
    erp.source.doors.tokens.forget()
    await asyncio.gather(*(client.execute("items", page_size=5) for _ in range(5)))
    tokens = erp.source.doors.tokens
    assert (tokens.logins, tokens.refreshes) == (1, 1)


class Counting:
    """Signs in whoever asks, and counts."""

    def __init__(self) -> None:
        self.logins = self.refreshes = 0

    async def login(self, username: str, password: str) -> Login:
        self.logins += 1
        return Login(f"{username}{password}", "r")

    async def refresh(self, refresh_token: str) -> Login:
        self.refreshes += 1
        await asyncio.sleep(0)
        return Login(f"a{self.refreshes}", refresh_token)


async def test_who_waited_for_a_renewal_takes_what_it_brought() -> None:
    counting = Counting()
    tokens = Tokens(BY_LOGIN, counting)
    refused = await tokens.current()
    assert set(await asyncio.gather(*(tokens.renewed(refused) for _ in range(5)))) == {"a1"}
    assert (counting.logins, counting.refreshes) == (1, 1)


async def test_a_refresh_that_is_refused_is_a_new_login() -> None:
    erp = ErpHere()
    client = erp.client(BY_LOGIN)
    await client.execute("items", page_size=5)
    erp.source.doors.tokens = Door("", USERNAME, PASSWORD)
    await client.execute("items", page_size=5)
    assert erp.source.doors.tokens.logins == 1


async def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        asked.append(path)
        if path == "auth/login":
            return httpx.Response(200, json={"access_token": "a0", "refresh_token": "r"})
        if path == "auth/refresh":
            return httpx.Response(200, json={"access_token": f"a{len(asked)}"})
        return httpx.Response(401 if asked.count("apis") in (1, 3) else 200, content=b"{}")

    client = transport(answer, credentials=BY_LOGIN)
    await client.ask(ASK, len)
    await client.ask(ASK, len)
    assert asked.count("auth/login") == 1
    assert asked.count("auth/refresh") == 2


async def test_who_is_always_turned_away_asks_twice_and_no_more() -> None:
    erp = ErpHere()
    erp.break_with(FaultSpec(kind="signed_out", path="runtime"))
    with pytest.raises(SourceRejected) as refused:
        await erp.client(BY_LOGIN).execute("items", page_size=5)
    assert refused.value.status == 401
    assert erp.source.doors.unauthorised == 2


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials(token=SecretStr("wrong")),
        Credentials(username="bridge", password=SecretStr("wrong")),
    ],
    ids=["none", "wrong token", "wrong password"],
)
async def test_who_has_no_access_is_rejected_without_a_second_try(credentials: Credentials) -> None:
    erp = ErpHere()
    with pytest.raises(SourceRejected):
        await erp.client(credentials).execute("items", page_size=5)
    assert sum(erp.source.doors.calls.values()) <= 1


async def test_nothing_is_asked_without_an_address() -> None:
    with pytest.raises(SourceRejected, match="not configured"):
        await transport(each(), place=Place("")).ask(ASK, len)
    with pytest.raises(SourceRejected, match="is not one"):
        await transport(each(), place=Place("http://erp:port")).ask(ASK, len)


async def test_waits_double_and_are_not_endless() -> None:
    waits: list[float] = []
    client = transport(lambda _: httpx.Response(503), waits, patience=Patience(tries=5, longest=2.0, chance=zero))
    with pytest.raises(SourceUnavailable):
        await client.ask(ASK, len)
    assert waits == [0.5, 1.0, 2.0, 2.0]


async def test_network_faults_are_tried_again() -> None:
    faults = (httpx.ConnectError("x"), httpx.ReadTimeout("x"))
    assert await transport(each(*faults, httpx.Response(200, content=b"{}"))).ask(ASK, len) == 2


async def test_chance_cuts_a_wait_by_up_to_half() -> None:
    assert Patience(chance=lambda: 0.999).wait(1) == pytest.approx(0.25, abs=0.001)


async def test_a_short_wait_that_is_asked_for_is_kept() -> None:
    waits: list[float] = []
    busy = httpx.Response(429, headers={"Retry-After": "3"})
    assert await transport(each(busy, httpx.Response(200, content=b"{}")), waits).ask(ASK, len) == 2
    assert waits == [3.0]


@pytest.mark.parametrize(("told", "wait"), [("120", 120.0), ("1e9", 3600.0)], ids=["long", "endless"])
async def test_a_long_wait_that_is_asked_for_is_the_callers(told: str, wait: float) -> None:
    with pytest.raises(Postponed) as postponed:
        await transport(each(httpx.Response(429, headers={"Retry-After": told}))).ask(ASK, len)
    assert (type(postponed.value), postponed.value.retry_after) == (SourceUnavailable, wait)


@pytest.mark.parametrize("told", ["soon", "nan", "inf", ""], ids=["word", "nan", "inf", "empty"])
async def test_a_wait_that_says_nothing_is_ours(told: str) -> None:
    waits: list[float] = []
    busy = httpx.Response(503, headers={"Retry-After": told})
    await transport(each(busy, httpx.Response(200, content=b"{}")), waits).ask(ASK, len)
    assert waits == [0.5]


async def test_redirects_are_not_followed() -> None:
    seen: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(302, headers={"Location": "http://evil.test/"})

    with pytest.raises(SourceUnusable):
        await transport(elsewhere).ask(ASK, len)
    assert set(seen) == {"erp"}


async def test_an_answer_without_end_is_cut_off_and_refused() -> None:
    with pytest.raises(SourceRejected, match="more than is allowed"):
        await transport(each(httpx.Response(200, content=b"x" * 1001))).ask(ASK, len)


@pytest.mark.parametrize("token", ["", "a\nb", "à"], ids=["empty", "line", "accent"])
async def test_a_login_that_gives_no_token_is_unusable(token: str) -> None:
    client = transport(lambda _: httpx.Response(200, json={"access_token": token}), credentials=BY_LOGIN)
    with pytest.raises(SourceUnusable):
        await client.ask(ASK, len)


async def test_errors_show_no_secret_no_address_and_no_upstream_text() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, text="hunter2 at http://erp")

    with pytest.raises(SourceRejected) as refused:
        await transport(answer, credentials=Credentials(token=SecretStr("hunter3"))).ask(ASK, len)
    shown = f"{refused.value}{refused.value.__cause__}{refused.value.__context__}"
    assert not any(secret in shown for secret in ("hunter", "http://"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("items", "items"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("..", "%2E%2E"), ("a.b", "a.b"), ("à", "%C3%A0")],
    ids=["plain", "signs", "dots", "dotted", "accent"],
)
def test_a_name_is_one_segment(name: str, expected: str) -> None:
    assert segment(name) == expected


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (Place("http://erp/", "/api/v1/"), "http://erp/api/v1/apis"),
        (Place("http://erp/base", ""), "http://erp/base/apis"),
    ],
    ids=["prefix", "no prefix"],
)
def test_a_place_joins_its_parts(place: Place, url: str) -> None:
    assert place.url("apis") == url
