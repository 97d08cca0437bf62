"""Every route of the marketplace against every kind of caller. A route this page does not know fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
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
from tests.helpers.marketplace_service import MOUNT, marketplace_services

USER, ORGANIZATION = uuid4(), "org-1"
NAMES = {"storeId": uuid4(), "webhookId": uuid4(), "replayId": uuid4(), "marketplace": "etsy"}

# Authorised by the store's token, or by the mock's credentials: tests/integration/marketplace/test_orders.py.
OTHERWISE = {("GET", "/stores/sync-status"), ("POST", "/orders/import"), ("POST", "/mock/{marketplace}/validate")}
NAMED = {
    ("POST", "/stores/register"),
    ("GET", "/stores"),
    ("POST", "/webhooks/register"),
    ("GET", "/webhooks"),
}
BY_ID = {
    ("GET", "/stores/{storeId}/logs"),
    ("DELETE", "/webhooks/{webhookId}"),
    ("POST", "/webhooks/{webhookId}/pause"),
    ("POST", "/webhooks/{webhookId}/resume"),
    ("POST", "/webhooks/{webhookId}/rotate-secret"),
    ("POST", "/webhooks/{webhookId}/test"),
    ("POST", "/webhooks/{webhookId}/replay"),
    ("GET", "/webhooks/{webhookId}/deliveries"),
    ("GET", "/webhooks/{webhookId}/events"),
    ("GET", "/webhooks/{webhookId}/replays/{replayId}"),
    ("POST", "/webhooks/{webhookId}/replays/{replayId}/resume"),
}
REGISTRATION = {
    "organizationId": ORGANIZATION,
    "marketplace": "etsy",
    "externalStoreId": "ext",
    "storeName": "A store",
    "accessToken": "t",
    "currency": "USD",
    "event": "sync.failed",
    "targetUrl": "http://127.0.0.1:1/",
}
UNKNOWN: dict[str, dict[str, str]] = {
    "none": {},
    "basic": {"Authorization": "Basic dTpw"},
    "expired": bearer(token_for(USER, org=ORGANIZATION, exp=datetime(2020, 1, 1, tzinfo=UTC))),
    "wrong key": bearer(token_for(USER, org=ORGANIZATION, key="theirs")),
    "alg none": bearer(forged(USER, "none")),
    "HS256 with the public key": bearer(forged(USER, "HS256")),
}
STRANGERS: dict[str, dict[str, str]] = {
    "no organisation": bearer(token_for(USER)),
    "another organisation": bearer(token_for(USER, org="org-2")),
    "organisation of another type": bearer(token_for(USER, org=[ORGANIZATION])),
    "reader": bearer(token_for(USER, roles=["reader"])),
    "store": bearer(token_for(USER, roles=["store"], store_id="s-1")),
}
FRIENDS: dict[str, dict[str, str]] = {
    "the organisation": bearer(token_for(USER, org=ORGANIZATION)),
    "operator": bearer(token_for(USER, roles=["operator"])),
}


def build(**settings: str) -> FastAPI:
    services = marketplace_services(Database.connect(NOWHERE), Vault([Fernet.generate_key().decode()]))
    return create_app(settings_for_tests(**settings), opening(fake_services(), marketplace=services))


def context(app: FastAPI) -> FastAPI:
    """The mounted application."""
    (found,) = [route.app for route in app.routes if isinstance(route, Mount) and route.path == MOUNT]
    assert isinstance(found, FastAPI)
    return found


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An application whose database is nowhere: refusals must not need it."""
    async with serving(build()) as client:
        yield client


def routes(app: FastAPI) -> set[tuple[str, str]]:
    paths = context(app).openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_route_of_the_marketplace_is_in_the_matrix() -> None:
    assert routes(build()) == OTHERWISE | NAMED | BY_ID


def test_the_mock_marketplaces_do_not_exist_in_production() -> None:
    keys = {"fernet_key": Fernet.generate_key().decode(), "jwt_public_key": "x"}
    places = {"database_url": NOWHERE, "catalog_url": "sqlite://"}
    served = routes(build(environment="production", **keys, **places))
    assert served == (OTHERWISE | NAMED | BY_ID) - {("POST", "/mock/{marketplace}/validate")}


async def asked(http: httpx.AsyncClient, route: tuple[str, str], headers: dict[str, str]) -> httpx.Response:
    method, path = route
    params = {"organizationId": ORGANIZATION} if method == "GET" else {}
    body = REGISTRATION if method == "POST" else None
    return await http.request(method, MOUNT + path.format(**NAMES), params=params, json=body, headers=headers)


@pytest.mark.parametrize("caller", UNKNOWN)
@pytest.mark.parametrize("route", sorted(NAMED | BY_ID), ids="{0[0]} {0[1]}".format)
async def test_who_is_not_known_is_refused(http: httpx.AsyncClient, route: tuple[str, str], caller: str) -> None:
    answer = await asked(http, route, UNKNOWN[caller])
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("caller", STRANGERS)
@pytest.mark.parametrize("route", sorted(NAMED), ids="{0[0]} {0[1]}".format)
async def test_who_does_not_speak_for_the_organisation_is_refused(
    http: httpx.AsyncClient, route: tuple[str, str], caller: str
) -> None:
    answer = await asked(http, route, STRANGERS[caller])
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


@pytest.mark.parametrize("caller", FRIENDS)
@pytest.mark.parametrize("route", sorted(NAMED | BY_ID), ids="{0[0]} {0[1]}".format)
async def test_who_does_gets_as_far_as_the_database(
    http: httpx.AsyncClient, route: tuple[str, str], caller: str
) -> None:
    answer = await asked(http, route, FRIENDS[caller])
    assert (answer.status_code, answer.json()["error"]) == (503, "database_unavailable"), answer.text


async def test_a_seller_is_an_organisation_of_his_own(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{MOUNT}/webhooks", params={"organizationId": str(USER)}, headers=bearer(token_for(USER)))
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("receipt", "user", "status", "body"),
    [
        ("test2", "etsy_user", 200, {"status": False}),
        ("test24", "etsy_user", 429, {"error": "rate_limited"}),
        ("test1", "somebody", 401, {"error": "Unauthorized"}),
        ("", "somebody", 400, {"error": "receipt is required"}),
    ],
    ids=range(4),
)
async def test_the_mock_answers_in_the_order_of_its_predecessor(
    http: httpx.AsyncClient, receipt: str, user: str, status: int, body: dict[str, object]
) -> None:
    answer = await http.post(
        f"{MOUNT}/mock/etsy/validate", json={"receipt": receipt, "currency": None}, auth=(user, "etsy_pass")
    )
    assert (answer.status_code, answer.json()) == (status, body)
    elsewhere = await http.post(f"{MOUNT}/mock/ebay/validate", json={})
    assert (elsewhere.status_code, elsewhere.json()) == (400, {"error": "Invalid marketplace"})


async def test_the_mock_imports_as_its_predecessor_did(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        f"{MOUNT}/mock/etsy/validate", json={"receipt": "test1", "currency": "EUR"}, auth=("etsy_user", "etsy_pass")
    )
    order = answer.json()
    assert order.pop("importedAtUTC").endswith("Z")
    assert order == {
        "status": True,
        "orderId": "06924ddf-d249bbe-13b6e99d-1a49377c-000020db855b",
        "amount": 507,
        "currency": "EUR",
    }


async def test_what_nobody_expected_tells_nothing_in_the_flat_shape(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from db.marketplace import stores

    async def broken(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(stores, "by_token", broken)
    monkeypatch.setattr(Database, "begin", lambda _self: _nothing())
    answer = await http.get(f"{MOUNT}/stores/sync-status", params={"syncToken": str(uuid4())})
    assert (answer.status_code, answer.json()["error"]) == (500, "internal_server_error")
    assert "secret" not in answer.text


class _nothing:  # noqa: N801 - stands for a function
    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None
