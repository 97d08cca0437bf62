"""`bucket`: eight processes on one key, judged by the receiver; `bucket_acquire`: what a grant costs beside its peers.

The receiver is a CardTrader simulator, which books every arrival and looks at every window of ten seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from bench.bucket_latency import ROUNDS, latencies
from bench.bucket_load import LIMIT, WINDOW, Load, Sent, run_all
from bench.campaign import Say
from bench.errors import WrongResult
from bench.rows import Origin, Row
from cli.demo.books import Simulator
from cli.demo.figures import LimitUse
from clients.token_bucket import Klass
from devstack.ports import LOOPBACK, free_port
from devstack.stack import DevStack

SECONDS: Final = 60
_CLASSES: Final[tuple[Klass, ...]] = ("interactive", "bulk") * 4
_TOKEN: Final = "bench-seller"  # noqa: S105 - opens nothing but a simulator
_LEAST_RATE: Final = 0.98
_LEAST_SHARE: Final = 0.2


def run(directory: Path, say: Say) -> list[Row]:
    """Both rows.

    Raises:
        WrongResult: the receiver's book and the senders' differ.
    """
    say(f"bucket, {len(_CLASSES)} processes for {SECONDS} s")
    with DevStack(directory, services={"valkey"}, fresh=True, environ={}) as stack:
        redis_url = stack.env()["REDIS_URL"]
        with _receiver(stack, directory) as (url, judge):
            loads = [Load(redis_url, url, _TOKEN, klass, SECONDS, len(_CLASSES)) for klass in _CLASSES]
            sent = run_all(loads)
            use = judge.limit_use()
        return [load_row(sent, use, Origin.here()), latency_row(asyncio.run(latencies(redis_url)), Origin.here())]


@contextmanager
def _receiver(stack: DevStack, directory: Path) -> Iterator[tuple[str, Simulator]]:
    port = free_port()
    options = ("--port", str(port), "--products", "10", "--token", _TOKEN, "--cache-dir", str(directory / "cache"))
    process = stack.spawn("simulator", (sys.executable, "-m", "devstack.simulators.cardtrader", *options))
    url = f"http://{LOOPBACK}:{port}"
    with httpx.Client(base_url=url) as http:
        process.wait_ready(lambda: _answers(http))
        yield url, Simulator(http)
    process.stop()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/control/health").is_success
    except httpx.TransportError:
        return False


def load_row(sent: Sequence[Sent], use: LimitUse, origin: Origin) -> Row:
    """Requests per second while all were asking, against the limit's own rate.

    Raises:
        WrongResult: the receiver saw another number of requests than were sent.
    """
    moments = sorted(moment for part in sent for moment in part.moments)
    if use.requests != len(moments):
        raise WrongResult(f"bucket: {len(moments)} requests were sent, the receiver saw {use.requests}")
    rate, allowed = (len(moments) - 1) / (moments[-1] - moments[0]), LIMIT / WINDOW
    bulk = sum(len(part.moments) for part in sent if part.klass == "bulk") / len(moments)
    refused = sum(part.refused for part in sent)
    fair = _LEAST_SHARE <= bulk <= 1 - _LEAST_SHARE
    return Row(
        name="bucket",
        n=SECONDS,
        value=round(rate, 2),
        unit="requests/s",
        floor=allowed,
        ratio=round(rate / allowed, 3),
        target="0 windows over 200, >= 0.98 x, each class >= 20 %",
        met=not use.windows_over_limit and not refused and rate >= _LEAST_RATE * allowed and fair,
        note=f"n in seconds; most in any {WINDOW:g} s window {use.max_in_any_window}, windows over {LIMIT}: "
        f"{use.windows_over_limit}, answers 429: {refused}; bulk's share {bulk:.0%}",
        **origin.model_dump(),
    )


def latency_row(medians: dict[str, float], origin: Origin) -> Row:
    """Microseconds per grant against the faster peer."""
    ours = medians["ours"]
    peer = min((name for name in medians if name != "ours"), key=lambda name: medians[name])
    ratio = round(ours / medians[peer], 3)
    return Row(
        name="bucket_acquire",
        n=ROUNDS,
        value=ours,
        unit="µs",
        floor=medians[peer],
        ratio=ratio,
        target="<= 1 x of the faster peer",
        met=ratio <= 1.0,
        note="n in rounds; medians: " + ", ".join(f"{name} {micros:.0f} µs" for name, micros in medians.items()),
        **origin.model_dump(),
    )
