"""What the pool and its statements tell of themselves; labels name kinds, never tables' contents."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, cast

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from sqlalchemy import QueuePool, event
from sqlalchemy.engine import Engine

from db.session import Database

_KINDS: Final = frozenset({"select", "insert", "update", "delete", "with", "copy"})
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


def measure_database(meter: Meter, database: Database, *, pool: str) -> None:
    """Measure one pool, named `pool` (api or worker), and every statement that goes through it."""
    _observe_pool(meter, database, {"database": "postgresql", "pool": pool})
    _time_statements(meter, database.engine.sync_engine)


def _observe_pool(meter: Meter, database: Database, labels: dict[str, str]) -> None:
    connections = cast("QueuePool", database.engine.pool)

    def gauge(name: str, text: str, value: Any) -> None:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            yield Observation(value(), labels)

        meter.create_observable_gauge(f"brx_sync_db_connections_{name}", [observe], description=text)

    gauge("active", "Connections in use", connections.checkedout)
    gauge("idle", "Connections kept open", connections.checkedin)
    gauge("limit", "Connections there may be", connections.size)


def _time_statements(meter: Meter, engine: Engine) -> None:
    took = meter.create_histogram(
        "brx_sync_db_query_duration",
        unit="s",
        description="Statements, until PostgreSQL answered, by their first word",
        explicit_bucket_boundaries_advisory=_BUCKETS,
    )

    # Of this meter alone: two applications may measure one engine.
    beginning = object()

    def began(connection: Any, *_statement: Any) -> None:
        connection.info[beginning] = time.perf_counter()

    def ended(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        took.record(time.perf_counter() - connection.info.pop(beginning), _labels(statement))

    event.listen(engine, "before_cursor_execute", began)
    event.listen(engine, "after_cursor_execute", ended)


@lru_cache(maxsize=512)
def _labels(statement: str) -> dict[str, str]:
    word = statement.split(maxsplit=1)[0].lower() if statement.strip() else ""
    return {"database": "postgresql", "operation": word if word in _KINDS else "other"}
