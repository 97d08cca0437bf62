"""Every route against every kind of caller. A route this page does not know fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from api.main import create_app
from tests.helpers.api import PREFIX, bearer, forged, serving_fakes, settings_for_tests, token_for

USER, OTHER = uuid4(), uuid4()
NAMES = {"task_id": USER, "plan_id": USER, "record_id": 1, "item_id": 1}

PUBLIC = {
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("POST", f"{PREFIX}/setup-test-user"),
    # Signed instead: tests/integration/api/test_webhooks.py.
    ("POST", f"{PREFIX}/webhook/user/{{user_id}}"),
    ("POST", f"{PREFIX}/webhook/{{webhook_id}}"),
}
OWNER = {
    ("POST", f"{PREFIX}/link/{{user_id}}"),
    ("POST", f"{PREFIX}/start/{{user_id}}"),
    ("POST", f"{PREFIX}/cancel/{{user_id}}"),
    ("GET", f"{PREFIX}/status/{{user_id}}"),
    ("GET", f"{PREFIX}/progress/{{user_id}}"),
    ("GET", f"{PREFIX}/progress/{{user_id}}/stream"),
    ("GET", f"{PREFIX}/inventory/{{user_id}}"),
    ("PUT", f"{PREFIX}/inventory/{{user_id}}/item/{{item_id}}"),
    ("DELETE", f"{PREFIX}/inventory/{{user_id}}/item/{{item_id}}"),
    ("POST", f"{PREFIX}/inventory/{{user_id}}/items"),
    ("GET", f"{PREFIX}/changes/{{user_id}}/plan"),
    ("POST", f"{PREFIX}/changes/{{user_id}}/plan/{{plan_id}}/approve"),
    ("POST", f"{PREFIX}/changes/{{user_id}}/plan/{{plan_id}}/cancel"),
    ("POST", f"{PREFIX}/purchase/{{user_id}}/item/{{item_id}}"),
    ("GET", f"{PREFIX}/operations/{{user_id}}"),
    ("POST", f"{PREFIX}/sync-from-cardtrader/{{user_id}}"),
    ("GET", f"{PREFIX}/drift/{{user_id}}"),
    ("GET", f"{PREFIX}/webhook-url/{{user_id}}"),
    ("GET", f"{PREFIX}/limits/{{user_id}}"),
    ("GET", f"{PREFIX}/failed-records/{{user_id}}"),
    ("POST", f"{PREFIX}/failed-records/{{user_id}}/{{record_id}}/retry"),
    ("POST", f"{PREFIX}/failed-records/{{user_id}}/{{record_id}}/resolve"),
    ("POST", f"{PREFIX}/disconnect/{{user_id}}"),
}
ANY_USER = {("GET", f"{PREFIX}/task/{{task_id}}")}
OPERATOR = {
    ("POST", f"{PREFIX}/migrate/composite-index"),
    ("GET", f"{PREFIX}/debug-logs"),
    ("GET", f"{PREFIX}/overview"),
}

CALLERS: dict[str, tuple[dict[str, str], int, str]] = {
    "none": ({}, 401, "Missing token"),
    "basic": ({"Authorization": "Basic dTpw"}, 401, "Missing token"),
    "expired": (
        bearer(token_for(USER, exp=datetime(2020, 1, 1, tzinfo=UTC))),
        401,
        "Token expired. Please refresh your token.",
    ),
    "wrong key": (bearer(token_for(USER, key="theirs")), 401, "Invalid token"),
    "alg none": (bearer(forged(USER, "none")), 401, "Invalid token"),
    "HS256 with the public key": (bearer(forged(USER, "HS256")), 401, "Invalid token"),
    "other user": (bearer(token_for(OTHER)), 403, "Access denied: User ID mismatch"),
    "operator": (bearer(token_for(OTHER, roles=["operator"])), 403, "Access denied: User ID mismatch"),
    "reader": (bearer(token_for(OTHER, roles=["reader"])), 403, "Access denied: User ID mismatch"),
}


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An application whose database is nowhere: refusals must not need it."""
    async with serving_fakes() as client:
        yield client


def test_every_route_is_in_the_matrix() -> None:
    paths = create_app(settings_for_tests()).openapi()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == PUBLIC | OWNER | ANY_USER | OPERATOR


# Of a task the owner is part of the query: see tests/integration/api/test_watching.py.
REFUSALS = [(route, caller) for route in sorted(OWNER) for caller in CALLERS] + [
    (route, caller)
    for route in sorted(ANY_USER | OPERATOR)
    for caller, (_, status, _) in CALLERS.items()
    if status == 401
]


@pytest.mark.parametrize(("route", "caller"), REFUSALS, ids=[f"{route} {caller}" for route, caller in REFUSALS])
async def test_callers_are_refused(http: httpx.AsyncClient, route: tuple[str, str], caller: str) -> None:
    headers, status, text = CALLERS[caller]
    method, path = route
    answer = await http.request(method, path.format(user_id=USER, **NAMES), headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (status, text)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert answer.json()["error"]["message"] == text


@pytest.mark.parametrize("roles", [[], ["reader"], ["store"], ["Operator"]], ids=str)
@pytest.mark.parametrize("route", sorted(OPERATOR), ids="{0[0]} {0[1]}".format)
async def test_only_operators_may_operate(http: httpx.AsyncClient, route: tuple[str, str], roles: list[str]) -> None:
    method, path = route
    answer = await http.request(method, path, headers=bearer(token_for(USER, roles=roles)))
    assert (answer.status_code, answer.json()["detail"]) == (403, "The operator role is required.")


@pytest.mark.parametrize("route", sorted(OWNER), ids="{0[0]} {0[1]}".format)
async def test_a_user_id_that_is_none_is_a_bad_request(http: httpx.AsyncClient, route: tuple[str, str]) -> None:
    method, path = route
    answer = await http.request(method, path.format(user_id="bob", **NAMES), headers=bearer(token_for(USER)))
    assert (answer.status_code, answer.json()["detail"]) == (400, "Invalid user_id format")
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("spelling", [str(USER).upper(), USER.hex], ids=["upper", "hex"])
async def test_another_spelling_of_the_same_id_is_the_same_user(http: httpx.AsyncClient, spelling: str) -> None:
    assert UUID(spelling) == USER
    answer = await http.get(f"{PREFIX}/status/{spelling}", headers=bearer(token_for(USER)))
    assert answer.json()["error"]["code"] == "DATABASE_UNAVAILABLE"
