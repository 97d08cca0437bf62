"""Every route of all four applications, also those that no document shows, against every kind of caller.

The matrices of the contexts say what a route wants; here the whole application is walked as it is served, so that a
route that no matrix knows, or that answers a caller it should refuse, fails the test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from starlette.routing import Mount

from api.main import create_app
from db.session import Database
from db.vault import Vault
from tests.helpers.api import NOWHERE, bearer, fake_services, forged, opening, serving, settings_for_tests, token_for
from tests.helpers.bridge_api import fake_bridge
from tests.helpers.marketplace_service import marketplace_services
from tests.helpers.store_api import fake_store
from tests.unit.api import test_access_matrix as cards
from tests.unit.api.bridge import test_access_matrix as bridge
from tests.unit.api.marketplace import test_marketplace_access as marketplace
from tests.unit.api.store import test_store_access as store

Want = Literal[
    "nothing", "own credentials", "owner", "buyer", "anybody", "reader", "operator", "store", "organisation", "own"
]
Route = tuple[str, str]

# Beside every document: pages, their files, and the document itself. No data is in any of them.
PAGES: Final = (
    *("/docs", "/docs.js", "/redoc", "/openapi.json", "/static-offline-docs", "/dashboard"),
    # The predecessor's addresses of the bridge's pages lead there.
    *("/api/v1/docs", "/api/v1/redoc", "/api/v1/openapi.json"),
)
MOUNTS: Final = ("/bridge", "/store", "/marketplace")
SIGNED: Final = ("/webhook/user/{user_id}", "/webhook/{webhook_id}")
USER, OTHER, ORGANIZATION = cards.USER, uuid4(), marketplace.ORGANIZATION
NAMES: Final = {**cards.NAMES, **bridge.NAMES, **marketplace.NAMES, "user_id": USER, "webhook_id": USER}
NAMES_OF_STORE: Final = {"sku": "A-1", "operation_id": uuid4()}
NO_TOKEN: Final = {
    "none": {},
    "basic": {"Authorization": "Basic dTpw"},
    "empty": {"Authorization": "Bearer "},
    "expired": bearer(token_for(USER, roles=["operator"], exp=datetime(2020, 1, 1, tzinfo=UTC))),
    "wrong key": bearer(token_for(USER, key="theirs", roles=["operator"])),
    "alg none": bearer(forged(USER, "none")),
    "HS256 with the public key": bearer(forged(USER, "HS256")),
    "refresh token": bearer(token_for(USER, type="refresh", roles=["operator"])),
    "without MFA": bearer(token_for(USER, mfa_verified=False, roles=["operator"])),
}
CALLERS: Final = {
    "the seller": bearer(token_for(USER)),
    "another seller": bearer(token_for(OTHER)),
    "reader": bearer(token_for(OTHER, roles=["reader"])),
    "operator": bearer(token_for(OTHER, roles=["operator"])),
    "checkout": bearer(token_for(OTHER, roles=["checkout"])),
    "store": bearer(token_for(OTHER, roles=["store"], store_id="milan-1")),
    "store's claim without its role": bearer(token_for(OTHER, store_id="milan-1")),
    "store's operator": bearer(token_for(OTHER, roles=["operator"], store_id="milan-1")),
    "organisation": bearer(token_for(OTHER, org=ORGANIZATION)),
    "another organisation": bearer(token_for(OTHER, org="org-2")),
}
LET_IN: Final[dict[Want, set[str]]] = {
    "owner": {"the seller"},
    # The shop's checkout buys for its customers.
    "buyer": {"the seller", "checkout"},
    "anybody": set(CALLERS),
    "reader": {"reader", "operator", "store's operator"},
    "operator": {"operator", "store's operator"},
    "store": {"store", "store's operator"},
    "organisation": {"organisation", "operator", "store's operator"},
    # Somebody else's is not found, as if there were none: the database has to be asked.
    "own": set(CALLERS),
}


def wants() -> dict[Route, Want]:
    """What each route wants, told by the matrices of the contexts."""
    found: dict[Route, Want] = {}
    groups: tuple[tuple[str, Want, Any], ...] = (
        ("", "nothing", cards.PUBLIC),
        ("", "owner", cards.OWNER),
        ("", "anybody", cards.ANY_USER),
        ("", "operator", cards.OPERATOR),
        ("/bridge", "nothing", bridge.OPEN),
        ("/bridge", "reader", bridge.READER),
        ("/bridge", "operator", bridge.OPERATOR),
        ("/store", "nothing", store.PUBLIC),
        ("/store", "store", store.OF_A_STORE),
        ("/marketplace", "own credentials", marketplace.OTHERWISE),
        ("/marketplace", "organisation", marketplace.NAMED),
        ("/marketplace", "own", marketplace.BY_ID),
    )
    for mount, want, routes in groups:
        found |= {(method, mount + path): want for method, path in routes}
    for (method, path), _ in list(found.items()):
        if path.endswith(SIGNED):
            found[method, path] = "own credentials"
        if "/purchase/" in path:
            found[method, path] = "buyer"
    return found


WANTS: Final = wants()


def served(app: Any, mount: str = "") -> Iterator[Route]:
    """Every route as it is served: FastAPI nests what is included, and mounts are applications of their own."""
    for route in app.routes:
        if isinstance(route, Mount):
            nested = isinstance(route.app, FastAPI)
            yield from served(route.app, mount + route.path) if nested else [("GET", mount + route.path)]
        else:
            for one in route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]:
                yield from ((method, mount + one.path) for method in sorted(one.methods or ()))


def is_page(route: Route) -> bool:
    method, path = route
    below = next(
        (path.removeprefix(name) for name in ("/bridge", "/store", "/marketplace") if path.startswith(name)), path
    )
    return method in ("GET", "HEAD") and below.startswith(PAGES)


@asynccontextmanager
async def whole_service() -> AsyncIterator[httpx.AsyncClient]:
    database = Database.connect(NOWHERE)
    organisations = marketplace_services(database, Vault([Fernet.generate_key().decode()]))
    services = opening(
        fake_services(database), bridge=fake_bridge(database), store=fake_store(database), marketplace=organisations
    )
    async with serving(create_app(settings_for_tests(), services)) as http:
        yield http


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """All four contexts; their database is nowhere: refusals must not need it."""
    async with whole_service() as client:
        yield client


@pytest.fixture(scope="module")
def found() -> set[Route]:
    """Every route as it is served."""
    return set(served(create_app(settings_for_tests())))


def test_no_route_is_unknown_and_none_is_missing(found: set[Route]) -> None:
    assert {route for route in found if not is_page(route)} == set(WANTS)


async def call(http: httpx.AsyncClient, route: Route, headers: dict[str, str]) -> httpx.Response:
    method, path = route
    names = NAMES | (NAMES_OF_STORE if path.startswith("/store") else {})
    in_marketplace = path.startswith("/marketplace")
    params = {"organizationId": ORGANIZATION} if in_marketplace and method == "GET" else {}
    body = marketplace.REGISTRATION if in_marketplace else bridge.OPERATOR.get((method, path.removeprefix("/bridge")))
    named = path.format(**{**names, "uid": 1 if "failed-records" in path else USER})
    return await http.request(
        method, named, params=params, json=body if method in ("POST", "PUT", "PATCH") else None, headers=headers
    )


GUARDED: Final = sorted(route for route, want in WANTS.items() if want in LET_IN)


@pytest.mark.parametrize("mount", ["/api", *MOUNTS])
async def test_each_caller_is_refused_or_let_in(http: httpx.AsyncClient, mount: str) -> None:
    here = [route for route in GUARDED if route[1].startswith(mount)]
    assert here
    for route in here:
        allowed = LET_IN[WANTS[route]]
        for caller, headers in NO_TOKEN.items():
            answer = await call(http, route, headers)
            assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True), (route, caller)
        for caller, headers in CALLERS.items():
            status = (await call(http, route, headers)).status_code
            assert (status not in (401, 403)) == (caller in allowed), (route, caller, status)
            assert status < 500 or status == 503, (route, caller, status)


@pytest.mark.parametrize("route", sorted(route for route, want in WANTS.items() if want == "own credentials"), ids=str)
async def test_a_token_is_no_credential_where_another_is_wanted(http: httpx.AsyncClient, route: Route) -> None:
    without = await call(http, route, {})
    assert without.status_code >= 400
    for headers in (*NO_TOKEN.values(), *CALLERS.values()):
        assert (await call(http, route, headers)).status_code == without.status_code


async def test_pages_hold_nothing_that_wants_a_token(http: httpx.AsyncClient, found: set[Route]) -> None:
    pages = [route for route in found if is_page(route)]
    assert len(pages) > 15
    for method, path in pages:
        if method == "GET" and "{" not in path and "static" not in path:
            answer = await http.get(path)
            assert answer.status_code in (200, 307, 308), path
            assert str(USER) not in answer.text
