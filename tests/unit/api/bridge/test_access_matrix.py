"""Every route of the bridge against every kind of caller. A route this page does not know fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.helpers.api import bearer, forged, token_for
from tests.helpers.bridge_api import MOUNT, as_role, bridge_app, serving_bridge

V1 = "/api/v1"
USER = uuid4()
NAMES = {"entity": "items", "batch_uid": USER, "uid": USER}

OPEN = {
    ("GET", "/"),
    ("GET", f"{V1}/health"),
    ("GET", f"{V1}/metrics"),
    ("GET", f"{V1}/monitoring/health/detailed"),
    ("GET", f"{V1}/monitoring/metrics/prometheus"),
}
READER = {
    ("GET", f"{V1}/metadata"),
    ("GET", f"{V1}/sync/status/{{batch_uid}}"),
    ("GET", f"{V1}/sync/history"),
    ("GET", f"{V1}/entities"),
    ("GET", f"{V1}/entities/{{entity}}"),
    ("GET", f"{V1}/mappings/{{entity}}"),
    ("GET", f"{V1}/stats"),
    ("GET", f"{V1}/monitoring/stats"),
    # Without the rows themselves: tests/integration/api/bridge/test_monitoring.py.
    ("GET", f"{V1}/failed-records"),
    ("GET", f"{V1}/monitoring/failed-records"),
    ("GET", f"{V1}/pending-children"),
    ("GET", f"{V1}/monitoring/pending-children"),
    ("GET", f"{V1}/schedules"),
    ("GET", f"{V1}/schedules/{{uid}}"),
    ("GET", f"{V1}/schedules/status"),
    ("GET", f"{V1}/schedules/stats"),
}
ENTITY = {"entity_name": "e", "connector_api_slug": "s", "business_key_fields": ["id"]}
MAPPING = {"source_field": "a", "target_field": "b"}
OPERATOR: dict[tuple[str, str], Any] = {
    ("POST", f"{V1}/sync/start"): {"entity_name": "e"},
    ("POST", f"{V1}/sync/stop/{{batch_uid}}"): None,
    ("POST", f"{V1}/sync/retry-failed"): {},
    ("GET", f"{V1}/sync/planned/{{batch_uid}}"): None,
    ("GET", f"{V1}/sync/planned/{{batch_uid}}/deletions"): None,
    ("GET", f"{V1}/sync/superseded/{{batch_uid}}"): None,
    ("POST", f"{V1}/entities"): ENTITY,
    ("PUT", f"{V1}/entities/{{entity}}"): {},
    ("DELETE", f"{V1}/entities/{{entity}}"): None,
    ("POST", f"{V1}/mappings/{{entity}}"): MAPPING,
    ("POST", f"{V1}/mappings/{{entity}}/bulk"): {"mappings": [MAPPING]},
    ("DELETE", f"{V1}/mappings/{{entity}}/all"): None,
    ("PUT", f"{V1}/mappings/{{entity}}/{{uid}}"): {},
    ("DELETE", f"{V1}/mappings/{{entity}}/{{uid}}"): None,
    ("POST", f"{V1}/failed-records/{{uid}}/resolve"): None,
    ("POST", f"{V1}/monitoring/failed-records/{{uid}}/resolve"): None,
    ("POST", f"{V1}/schedules"): {"entity_name": "e", "source_system": "erp"},
    ("PATCH", f"{V1}/schedules/{{uid}}"): {"is_enabled": True},
    ("DELETE", f"{V1}/schedules/{{uid}}"): None,
    ("POST", f"{V1}/schedules/{{uid}}/reset"): None,
    ("POST", f"{V1}/schedules/{{uid}}/trigger"): {},
    ("POST", f"{V1}/schedules/start"): None,
    ("POST", f"{V1}/schedules/stop"): None,
}
NOBODY: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, "Missing token"),
    "basic": ({"Authorization": "Basic dTpw"}, "Missing token"),
    "expired": (
        bearer(token_for(USER, exp=datetime(2020, 1, 1, tzinfo=UTC), roles=["operator"])),
        "Token expired. Please refresh your token.",
    ),
    "wrong key": (bearer(token_for(USER, key="theirs", roles=["operator"])), "Invalid token"),
    "alg none": (bearer(forged(USER, "none")), "Invalid token"),
    "HS256 with the public key": (bearer(forged(USER, "HS256")), "Invalid token"),
}
CLOSED = sorted(READER | set(OPERATOR))
STRANGERS: list[tuple[str, ...]] = [(), ("store",), ("checkout",), ("Operator",), ("Reader",)]


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An application whose database is nowhere: refusals must not need it."""
    async with serving_bridge() as client:
        yield client


async def call(http: httpx.AsyncClient, route: tuple[str, str], headers: dict[str, str]) -> httpx.Response:
    method, path = route
    names = {**NAMES, "uid": 1} if "failed-records" in path else NAMES
    return await http.request(method, MOUNT + path.format(**names), headers=headers, json=OPERATOR.get(route))


def test_every_route_is_in_the_matrix() -> None:
    paths = bridge_app().openapi()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == OPEN | READER | set(OPERATOR)


@pytest.mark.parametrize("route", CLOSED, ids="{0[0]} {0[1]}".format)
async def test_nobody_without_a_good_token_is_let_in(http: httpx.AsyncClient, route: tuple[str, str]) -> None:
    for caller, (headers, text) in NOBODY.items():
        answer = await call(http, route, headers)
        assert (answer.status_code, answer.json()["detail"]) == (401, text), caller
        assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("route", CLOSED, ids="{0[0]} {0[1]}".format)
async def test_the_role_decides(http: httpx.AsyncClient, route: tuple[str, str]) -> None:
    needed = "operator" if route in OPERATOR else "reader"
    for roles in [*STRANGERS, *([("reader",)] if needed == "operator" else [])]:
        answer = await call(http, route, as_role(*roles))
        assert (answer.status_code, answer.json()["detail"]) == (403, f"The {needed} role is required."), roles
    for roles in [("operator",), *([("reader",)] if needed == "reader" else [])]:
        answer = await call(http, route, as_role(*roles))
        # Let in: what is missing is the database behind it.
        assert answer.status_code in (200, 503), (roles, answer.text)


@pytest.mark.parametrize("route", sorted(OPEN), ids="{0[0]} {0[1]}".format)
async def test_what_is_open_needs_no_token(http: httpx.AsyncClient, route: tuple[str, str]) -> None:
    assert (await call(http, route, {})).status_code in (200, 503)
