"""Every route of the store against every kind of caller. A route this page does not know fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from tests.helpers.api import bearer, forged, token_for
from tests.helpers.store_api import MOUNT, as_store, serving_store, store_app

USER, STORE = uuid4(), "milan-1"
LOCAL = "/v1/local"
PUBLIC = {("GET", "/health"), ("GET", "/metrics")}
OF_A_STORE = {
    ("GET", f"{LOCAL}/inventory"),
    ("GET", f"{LOCAL}/inventory/{{sku}}"),
    ("PUT", f"{LOCAL}/inventory/{{sku}}"),
    ("POST", f"{LOCAL}/inventory/{{sku}}/update"),
    ("GET", f"{LOCAL}/inventory/{{sku}}/operations"),
    ("GET", f"{LOCAL}/sync/status/{{operation_id}}"),
    ("POST", f"{LOCAL}/sync/trigger"),
    ("GET", f"{LOCAL}/sync/failed"),
    ("POST", f"{LOCAL}/sync/retry/{{operation_id}}"),
    ("POST", f"{LOCAL}/sync/discard/{{operation_id}}"),
    ("GET", f"{LOCAL}/settings"),
    ("PUT", f"{LOCAL}/settings"),
}
NO_ROLE, NO_STORE = "The store role is required.", "The token names no store."
CALLERS: dict[str, tuple[dict[str, str], int, str]] = {
    "none": ({}, 401, "Missing token"),
    "basic": ({"Authorization": "Basic dTpw"}, 401, "Missing token"),
    "expired": (
        bearer(token_for(USER, roles=["store"], store_id=STORE, exp=datetime(2020, 1, 1, tzinfo=UTC))),
        401,
        "Token expired. Please refresh your token.",
    ),
    "wrong key": (bearer(token_for(USER, key="theirs", roles=["store"], store_id=STORE)), 401, "Invalid token"),
    "alg none": (bearer(forged(USER, "none")), 401, "Invalid token"),
    "HS256 with the public key": (bearer(forged(USER, "HS256")), 401, "Invalid token"),
    "seller": (bearer(token_for(USER)), 403, NO_ROLE),
    "seller with a store": (bearer(token_for(USER, store_id=STORE)), 403, NO_ROLE),
    "reader": (as_store(STORE, "reader"), 403, NO_ROLE),
    "checkout": (as_store(STORE, "checkout"), 403, NO_ROLE),
    "store without a name": (bearer(token_for(USER, roles=["store"])), 403, NO_STORE),
    "store with a name that is none": (as_store("../milan"), 403, NO_STORE),
    "operator without a store": (bearer(token_for(USER, roles=["operator"])), 403, NO_STORE),
}
BODIES = {"PUT": {"name": "x"}, "POST": {"delta": 1}}


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An application whose database is nowhere: refusals must not need it."""
    async with serving_store() as client:
        yield client


def test_every_route_of_the_store_is_in_the_matrix() -> None:
    paths = store_app().openapi()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == PUBLIC | OF_A_STORE


MATRIX = [(route, caller) for route in sorted(OF_A_STORE) for caller in CALLERS]


@pytest.mark.parametrize(("route", "caller"), MATRIX, ids=[f"{route} {caller}" for route, caller in MATRIX])
async def test_callers_without_a_store_are_refused(
    http: httpx.AsyncClient, route: tuple[str, str], caller: str
) -> None:
    headers, status, text = CALLERS[caller]
    answer = await asked(http, route, headers)
    assert (answer.status_code, answer.json()["detail"]) == (status, text)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("role", ["store", "operator"])
@pytest.mark.parametrize("route", sorted(OF_A_STORE), ids="{0[0]} {0[1]}".format)
async def test_a_store_and_an_operator_of_a_store_are_let_in(
    http: httpx.AsyncClient, route: tuple[str, str], role: str
) -> None:
    answer = await asked(http, route, as_store(STORE, role))
    assert answer.json()["error"]["code"] == "DATABASE_UNAVAILABLE"


async def asked(http: httpx.AsyncClient, route: tuple[str, str], headers: dict[str, str]) -> httpx.Response:
    method, path = route
    body = {"conflict_strategy": "manual"} if path.endswith("settings") else BODIES.get(method)
    return await http.request(method, MOUNT + path.format(sku="A-1", operation_id=uuid4()), headers=headers, json=body)
