"""What the clients tell of their work: requests, waits for limits, the breaker, Redis. No caller becomes a label.

A client that is given no measures tells nobody: `UNMEASURED`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeter, Observation

CARDTRADER: Final = "cardtrader"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAITS: Final = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
_REDIS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1)
_LONGEST_WORD: Final = 30


class ClientMeasures:
    """Instruments of all clients of a process."""

    def __init__(self, meter: Meter, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        histogram = meter.create_histogram
        self._acquired = meter.create_counter(
            "brx_sync_rate_limiter_requests", description="Requests that asked a limiter, by whether it let them pass"
        )
        self._waited = histogram(
            "brx_sync_rate_limiter_wait",
            unit="s",
            description="How long the requests that passed had waited",
            explicit_bucket_boundaries_advisory=_WAITS,
        )
        self._asked = meter.create_counter(
            "brx_sync_cardtrader_api_requests", description="Requests to CardTrader, by their answers"
        )
        self._answered = histogram(
            "brx_sync_cardtrader_api_request_duration",
            unit="s",
            description="Until the first byte of CardTrader's answer",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._hits = meter.create_counter(
            "brx_sync_cardtrader_rate_limit_hits", description="Answers of CardTrader that say: too many requests"
        )
        self._neighbours = meter.create_counter(
            "brx_sync_neighbour_requests", description="Requests to the other neighbours, by their answers"
        )
        self._neighbours_took = histogram(
            "brx_sync_neighbour_request_duration",
            unit="s",
            description="Until the first byte of a neighbour's answer",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._broken = meter.create_counter(
            "brx_sync_circuit_breaker_failures", description="Failures told to the circuit breaker"
        )
        self._redis = meter.create_counter("brx_sync_redis_operations", description="Scripts run by Redis")
        self._redis_took = histogram(
            "brx_sync_redis_operation_duration",
            unit="s",
            description="Until Redis answered",
            explicit_bucket_boundaries_advisory=_REDIS,
        )
        self._open_until: dict[str, dict[str, float]] = {}
        meter.create_observable_gauge(
            "brx_sync_circuit_breaker_state",
            [self._breakers],
            description="Of the circuits this process has met: 1 when any is open, else 0",
        )

        # What is alerted on is there before the first of it: a rate over a series that is born is no rate.
        self._hits.add(0)
        self._broken.add(0, {"service": CARDTRADER, "error_type": "unavailable"})

    def passed(self, limit: str, klass: str, waited: float) -> None:
        """A limiter let a request pass."""
        self._acquired.add(1, {"limit": limit, "class": klass, "allowed": "true"})
        self._waited.record(waited, {"limit": limit, "class": klass})

    def refused(self, limit: str, klass: str) -> None:
        """A limiter put a request off, or could not be asked."""
        self._acquired.add(1, {"limit": limit, "class": klass, "allowed": "false"})

    def answered(self, service: str, request: httpx.Request, status: str, seconds: float) -> None:
        """A remote system answered, or a request came to nothing: then the status is the name of its error."""
        if service != CARDTRADER:
            labels = {"neighbour": service, "method": request.method}
            self._neighbours.add(1, {**labels, "status_code": status})
            self._neighbours_took.record(seconds, labels)
            return
        labels = {"method": request.method, "endpoint": endpoint_of(request.url.path)}
        self._asked.add(1, {**labels, "status_code": status})
        self._answered.record(seconds, labels)
        if status == str(httpx.codes.TOO_MANY_REQUESTS.value):
            self._hits.add(1)

    @contextmanager
    def redis(self, operation: str) -> Iterator[None]:
        """Around one script."""
        began, status = self._clock(), "error"
        try:
            yield
            status = "ok"
        finally:
            self._redis.add(1, {"operation": operation, "status": status})
            self._redis_took.record(self._clock() - began, {"operation": operation})

    def failed(self, service: str, error_type: str) -> None:
        """A circuit breaker was told of a failure."""
        self._broken.add(1, {"service": service, "error_type": error_type})

    def circuit(self, service: str, key: str, closed_in: float) -> None:
        """A circuit was asked: open for so many seconds, or not at all."""
        circuits = self._open_until.setdefault(service, {})
        if closed_in > 0:
            circuits[key] = self._clock() + closed_in
        else:
            circuits.pop(key, None)

    def _breakers(self, _options: CallbackOptions) -> Iterable[Observation]:
        now = self._clock()
        for service, circuits in list(self._open_until.items()):
            for key in [key for key, until in list(circuits.items()) if until <= now]:
                circuits.pop(key, None)
            yield Observation(int(bool(circuits)), {"service": service})


UNMEASURED: Final = ClientMeasures(NoOpMeter("unmeasured"))


class MeasuredClient(httpx.AsyncClient):
    """Tells of every request to the hosts of `services`, whatever came of it."""

    def __init__(self, measures: ClientMeasures, services: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._measures, self._services = measures, services

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """As httpx sends."""
        began, status = time.perf_counter(), "cancelled"
        try:
            response = await super().send(request, **options)
            status = str(response.status_code)
            return response
        except httpx.HTTPError as error:
            status = type(error).__name__
            raise
        finally:
            service = self._services.get(request.url.netloc.decode("ascii"), "other")
            self._measures.answered(service, request, status, time.perf_counter() - began)


def hosts(services: Mapping[str, str]) -> dict[str, str]:
    """Names by host, of base addresses by name; a host that several share goes by the first."""
    found: dict[str, str] = {}
    for name, address in services.items():
        if host := httpx.URL(address).netloc.decode("ascii") if urlsplit(address).netloc else "":
            found.setdefault(host, name)
    return found


def endpoint_of(path: str) -> str:
    """A path without what differs from call to call: words of the API stay, all else is `{id}`."""
    return "/".join(part if _is_word(part) else "{id}" for part in path.strip("/").split("/"))


def _is_word(part: str) -> bool:
    return (part.isascii() and part.replace("_", "").isalpha() and len(part) <= _LONGEST_WORD) or part == "v2"
