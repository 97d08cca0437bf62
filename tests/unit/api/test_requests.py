"""What every request gets: the envelope, a trace id, careful headers, a body limit, a line in the log, a count."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter
from redis.exceptions import ConnectionError as RedisConnectionError
from starlette.routing import Mount
from structlog.testing import capture_logs

from api.cards.watching import router as cards_watching
from api.main import context_app, create_app
from api.middleware import MAX_BODY_BYTES
from tests.helpers.api import error_of, fake_services, opening, serving, settings_for_tests

SECRET = "ct-token-4711"
broken = APIRouter()


@broken.get("/crash")
async def crash() -> None:
    raise KeyError(SECRET)


@broken.get("/no-redis")
async def no_redis() -> None:
    raise RedisConnectionError(SECRET)


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for_tests(allowed_origins="https://ebartex.it, https://www.ebartex.it", log_level="INFO")
    app = create_app(settings, opening(fake_services()))
    app.include_router(broken)
    async with serving(app) as client:
        yield client


@pytest.mark.parametrize("header", ["X-Trace-Id", "X-Request-Id", "X-Correlation-Id"])
async def test_a_trace_id_is_taken_over(http: httpx.AsyncClient, header: str) -> None:
    answer = await http.get("/nowhere", headers={header: "abc-1"})
    assert error_of(answer, 404)["trace_id"] == "abc-1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "a\tb"])
async def test_an_odd_trace_id_is_replaced(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.get("/nowhere", headers={"X-Trace-Id": given})
    assert len(error_of(answer, 404)["trace_id"]) == 36


async def test_what_nobody_expected_tells_nothing(http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        error = error_of(await http.get("/crash"), 500)
    assert (error["code"], error["message"], error["context"]) == ("INTERNAL_SERVER_ERROR", "Internal server error", {})
    assert "request.crashed" in caplog.text
    assert SECRET not in caplog.text


async def test_a_fault_of_redis_is_a_503(http: httpx.AsyncClient) -> None:
    answer = await http.get("/no-redis")
    assert error_of(answer, 503)["code"] == "REDIS_UNAVAILABLE"
    assert answer.headers["Retry-After"] == "5"
    assert SECRET not in answer.text


async def test_unknown_paths_and_methods_have_the_envelope(http: httpx.AsyncClient) -> None:
    assert error_of(await http.get("/nowhere"), 404)["code"] == "NOT_FOUND"
    answer = await http.delete("/health")
    assert error_of(answer, 405)["code"] == "METHOD_NOT_ALLOWED"
    assert answer.headers["Allow"] == "GET"


async def test_refused_fields_are_named_and_never_sent_back(http: httpx.AsyncClient) -> None:
    body = {"user_id": "no-uuid", "cardtrader_token": {"x": SECRET}, SECRET: 1}
    answer = await http.post("/api/v1/sync/setup-test-user", json=body)
    error = error_of(answer, 422)
    assert (error["code"], error["message"]) == ("VALIDATION_ERROR", "Request validation failed")
    assert {field["field"] for field in error["errors"]} >= {"body.user_id", "body.cardtrader_token"}
    assert all(set(field) == {"field", "message", "type"} for field in error["errors"])


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_are_refused(http: httpx.AsyncClient, chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (MAX_BODY_BYTES // 2)

    body = pieces() if chunked else b"x" * (MAX_BODY_BYTES + 1)
    headers = {"Content-Type": "application/json"}
    answer = await http.post("/api/v1/sync/setup-test-user", content=body, headers=headers)
    assert error_of(answer, 413)["code"] == "PAYLOAD_TOO_LARGE"


async def test_answers_carry_careful_headers(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/sync/nowhere")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_only_configured_origins_may_call(http: httpx.AsyncClient) -> None:
    allowed = await http.get("/health/live", headers={"Origin": "https://www.ebartex.it"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://www.ebartex.it"
    assert "X-Trace-Id" in allowed.headers["Access-Control-Expose-Headers"]
    refused = await http.get("/health/live", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in refused.headers


async def test_the_access_log_has_the_template_and_no_query(http: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await http.get(f"/health/live?token={SECRET}")
    (line,) = [line for line in lines if line["event"] == "request.answered"]
    assert (line["endpoint"], line["status"], line["method"]) == ("/health/live", 200, "GET")
    assert SECRET not in str(lines)


async def test_metrics_count_templates_never_what_a_caller_invents(http: httpx.AsyncClient) -> None:
    await http.get("/api/v1/sync/status/bob")
    await http.request("BREW", "/invented")
    page = (await http.get("/metrics")).text
    assert 'endpoint="/api/v1/sync/status/{user_id}",method="GET",status_code="401"' in page
    assert 'endpoint="(unmatched)",method="OTHER"' in page
    assert "bob" not in page
    assert "invented" not in page
    assert "brx_sync_http_request_duration_seconds_bucket" in page
    assert 'brx_sync_db_connections_active{database="postgresql",pool="api"} 0.0' in page


async def test_a_mounted_context_shares_services_errors_and_labels() -> None:
    services = fake_services()
    app = create_app(settings_for_tests(), opening(services, other=services))
    app.mount("/other", context_app("Other", "Another context.", [cards_watching]))
    async with serving(app) as client:
        answer = await client.get("/other/api/v1/sync/status/bob")
        assert error_of(answer, 401)["code"] == "UNAUTHORIZED"
        assert 'endpoint="/other/api/v1/sync/status/{user_id}"' in (await client.get("/metrics")).text


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/api/v1/sync/inventory/u/item/1", "PUT, DELETE"),
        ("/bridge/api/v1/entities", "GET, POST"),
        ("/store/v1/local/settings", "GET, PUT"),
        ("/marketplace/webhooks", "GET"),
    ],
)
async def test_a_method_that_is_not_served_is_told_all_that_are(
    http: httpx.AsyncClient, path: str, served: str
) -> None:
    answer = await http.request("TRACE", path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, served)


@pytest.mark.parametrize("mount", ["bridge", "store", "marketplace"])
async def test_a_path_with_a_line_break_is_answered_by_the_context_it_names(
    http: httpx.AsyncClient, mount: str
) -> None:
    answer = await http.get(f"/{mount}/no%0Awhere%0Aat%0Aall")
    assert answer.status_code == 404
    assert (answer.json()["error"] == "not_found") == (mount == "marketplace")


async def test_what_nobody_expected_has_the_envelope_below_a_mount_too() -> None:
    app = create_app(settings_for_tests(), opening(fake_services()))
    [bridge] = [route.app for route in app.routes if isinstance(route, Mount) and route.path == "/bridge"]
    bridge.include_router(broken)  # type: ignore[attr-defined]  # an application
    async with serving(app) as http:
        assert error_of(await http.get("/bridge/crash"), 500)["code"] == "INTERNAL_SERVER_ERROR"
