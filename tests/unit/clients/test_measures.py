"""What the clients tell: kinds of requests, never whose."""

from __future__ import annotations

import httpx
import pytest

from clients.measures import CARDTRADER, ClientMeasures, MeasuredClient, endpoint_of, hosts
from observability import Metrics


class Clock:
    """Told what time it is."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(metrics: Metrics) -> set[str]:
    return {line for line in metrics.render().decode().splitlines() if not line.startswith("#")}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/v2/products/export", "api/v2/products/export"),
        ("/api/v2/products/4711", "api/v2/products/{id}"),
        ("/api/v2/jobs/0d2f6b1e-7c0c-4c1e-9b5e-111111111111", "api/v2/jobs/{id}"),
        ("/api/v2/orders/1/sésame", "api/v2/orders/{id}/{id}"),
        ("/" + "a" * 31, "{id}"),
    ],
)
def test_an_endpoint_has_no_ids(path: str, shown: str) -> None:
    assert endpoint_of(path) == shown


def test_a_host_goes_by_its_name() -> None:
    given = {
        CARDTRADER: "https://api.cardtrader.com/api/v2",
        "central": "",
        "x": "http://127.0.0.1:81/a",
        "y": "http://127.0.0.1:81/b",
    }
    assert hosts(given) == {"api.cardtrader.com": CARDTRADER, "127.0.0.1:81": "x"}


async def test_requests_are_counted_whatever_came_of_them() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/gone":
            raise httpx.ConnectError("10.1.2.3 refused bob")
        return httpx.Response(429 if request.url.path == "/products/7" else 200)

    metrics = Metrics.create("test")
    services = {"ct": CARDTRADER, "hub": "schedulehub"}
    async with MeasuredClient(ClientMeasures(metrics.meter), services, transport=httpx.MockTransport(answer)) as http:
        await http.get("http://ct/products/7?token=sesame")
        await http.post("http://hub/records")
        with pytest.raises(httpx.ConnectError):
            await http.get("http://elsewhere/gone")
    told = lines(metrics)
    metrics.shutdown()
    labels = 'endpoint="products/{id}",method="GET",status_code="429"'
    assert f"brx_sync_cardtrader_api_requests_total{{{labels}}} 1.0" in told
    assert "brx_sync_cardtrader_rate_limit_hits_total 1.0" in told
    neighbour = "brx_sync_neighbour_requests_total"
    assert f'{neighbour}{{method="POST",neighbour="schedulehub",status_code="200"}} 1.0' in told
    assert f'{neighbour}{{method="GET",neighbour="other",status_code="ConnectError"}} 1.0' in told
    assert not {line for line in told if "sesame" in line or "bob" in line}


def test_a_circuit_is_open_until_it_is_not() -> None:
    metrics, clock = Metrics.create("test"), Clock()
    measures = ClientMeasures(metrics.meter, clock)
    state = 'brx_sync_circuit_breaker_state{service="callbacks"}'
    measures.circuit("callbacks", "one", 60)
    measures.circuit("callbacks", "other", 0)
    assert f"{state} 1.0" in lines(metrics)
    clock.now = 61
    assert f"{state} 0.0" in lines(metrics)
    measures.circuit("callbacks", "one", 60)
    measures.circuit("callbacks", "one", 0)
    assert f"{state} 0.0" in lines(metrics)
    metrics.shutdown()


def test_a_limiters_answers_are_counted_by_class() -> None:
    metrics = Metrics.create("test")
    measures = ClientMeasures(metrics.meter)
    measures.passed("general", "bulk", 0.2)
    measures.refused("general", "bulk")
    with pytest.raises(OSError), measures.redis("token_bucket"):  # noqa: PT011 - any
        raise OSError
    told = lines(metrics)
    metrics.shutdown()
    asked = "brx_sync_rate_limiter_requests_total"
    assert f'{asked}{{allowed="true",class="bulk",limit="general"}} 1.0' in told
    assert f'{asked}{{allowed="false",class="bulk",limit="general"}} 1.0' in told
    assert 'brx_sync_rate_limiter_wait_seconds_sum{class="bulk",limit="general"} 0.2' in told
    assert 'brx_sync_redis_operations_total{operation="token_bucket",status="error"} 1.0' in told
