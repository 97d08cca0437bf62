"""The blueprint mapping, read from the catalogue's tables into a snapshot of sorted arrays.

An outage is never read as "unmapped": without a snapshot it is `CatalogUnavailable`, to be retried. A snapshot that
is due for renewal while the catalogue is down serves on for a bounded extra age (24 h), with a warning in the log.

    ClientError
    └── CatalogUnavailable
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import ColumnClause, Connection, Engine, Row, column, create_engine, event, inspect, select, table, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from clients.errors import ClientError
from domain.cards.mapping import NO_TABLE, PRINT_TABLES, BlueprintMapping, MappingStatus

T = TypeVar("T")

Ids = NDArray[np.int64]
Codes = NDArray[np.uint8]
_Rows = NDArray[np.int64]

_FETCH: Final = 20_000
_RETRY_SECONDS: Final = 15.0
_log = structlog.get_logger(__name__)


class CatalogUnavailable(ClientError):
    """The catalogue cannot be read; nothing is known about any mapping."""


@dataclass(frozen=True, slots=True)
class CatalogSnapshot:
    """One row per blueprint, sorted by it; `table` indexes `PRINT_TABLES`. 18 bytes a blueprint."""

    blueprint: Ids
    print_id: Ids
    table: Codes
    ambiguous: NDArray[np.bool_]

    @classmethod
    def of(cls, parts: Sequence[_Rows]) -> CatalogSnapshot:
        """From one array of (blueprint, print) rows per table, in the order of `PRINT_TABLES`.

        The first match is the first table's smallest print id; only a second table makes a blueprint ambiguous.
        """
        rows = np.concatenate(parts)
        tables = np.repeat(np.arange(len(parts), dtype=np.uint8), [len(part) for part in parts])
        order = np.lexsort((rows[:, 1], tables, rows[:, 0]))
        blueprint, print_id, tables = rows[order, 0], rows[order, 1], tables[order]
        first = np.flatnonzero(np.r_[True, blueprint[1:] != blueprint[:-1]])
        last = np.r_[first[1:], len(blueprint)] - 1
        return cls(blueprint[first], print_id[first], tables[first], tables[first] != tables[last])

    def __len__(self) -> int:
        return len(self.blueprint)

    def lookup(self, blueprint_ids: Ids) -> BlueprintMapping:
        """Map many blueprints at once; any order, repeats allowed."""
        at = np.minimum(np.searchsorted(self.blueprint, blueprint_ids), len(self) - 1)
        found = self.blueprint[at] == blueprint_ids
        known = np.where(self.ambiguous[at], MappingStatus.AMBIGUOUS, MappingStatus.MAPPED)
        return BlueprintMapping(
            np.where(found, self.print_id[at], 0),
            np.where(found, self.table[at], NO_TABLE).astype(np.uint8),
            np.where(found, known, MappingStatus.MISSING).astype(np.uint8),
        )


def catalog_engine(url: str) -> Engine:
    """A small pool for any SQLAlchemy URL; on MySQL with time limits and sessions that cannot write."""
    if not url.startswith(("mysql", "mariadb")):
        return create_engine(url, pool_pre_ping=True)
    limits = {"connect_timeout": 5, "read_timeout": 60, "write_timeout": 10}
    engine = create_engine(url, pool_pre_ping=True, pool_size=1, max_overflow=1, connect_args=limits)
    event.listen(engine, "connect", _forbid_writes)
    return engine


def _forbid_writes(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


class Catalog:
    """Hands out the snapshot, renewed when older than `ttl` seconds; concurrent callers share one load."""

    def __init__(
        self,
        engine: Engine,
        *,
        ttl: float = 3600.0,
        extra_age: float = 86_400.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._clock = engine, clock
        self._ttl, self._extra_age = ttl, extra_age
        self._lock = asyncio.Lock()
        self._snapshot: CatalogSnapshot | None = None
        self._loaded_at = self._tried_at = -float("inf")

    async def snapshot(self) -> CatalogSnapshot:
        """The mapping, at most `ttl` old, or `ttl + extra_age` while the catalogue is down.

        Raises:
            CatalogUnavailable: it cannot be read, and there is no snapshot young enough.
        """
        async with self._lock:
            if self._snapshot is None or self._age() > self._ttl:
                return await self._renew()
            return self._snapshot

    async def ping(self) -> None:
        """Raise `CatalogUnavailable` unless the catalogue answers."""
        await asyncio.to_thread(_guarded, self._engine, _ping)

    async def _renew(self) -> CatalogSnapshot:
        spare = self._snapshot if self._age() <= self._ttl + self._extra_age else None
        if spare is not None and self._clock() - self._tried_at < _RETRY_SECONDS:
            return spare
        self._tried_at = self._clock()
        try:
            self._snapshot = await asyncio.to_thread(_guarded, self._engine, load)
        except CatalogUnavailable as error:
            if spare is None:
                raise
            _log.warning("catalog.stale_snapshot_used", age_seconds=round(self._age()), reason=str(error))
            return spare
        self._loaded_at = self._clock()
        return self._snapshot

    def _age(self) -> float:
        return self._clock() - self._loaded_at


def load(connection: Connection) -> CatalogSnapshot:
    """Read every table there is, by streaming.

    Raises:
        CatalogUnavailable: no table, or no row: an empty catalogue says nothing about any blueprint.
    """
    there = set(inspect(connection).get_table_names())
    if absent := [name for name in PRINT_TABLES if name not in there]:
        _log.warning("catalog.tables_absent", tables=absent)
    parts = [_rows(connection, name) if name in there else _empty() for name in PRINT_TABLES]
    if not any(len(part) for part in parts):
        raise CatalogUnavailable("The catalogue is empty.")
    return CatalogSnapshot.of(parts)


def _rows(connection: Connection, name: str) -> _Rows:
    blueprint: ColumnClause[Any] = column("cardtrader_id")
    print_id: ColumnClause[Any] = column("id")
    query = select(blueprint, print_id).select_from(table(name)).where(blueprint.is_not(None))
    result = connection.execution_options(yield_per=_FETCH).execute(query)
    return np.concatenate([_empty(), *_arrays(result.partitions())])


def _arrays(partitions: Iterable[Sequence[Row[Any]]]) -> Iterator[_Rows]:
    for rows in partitions:
        # Some catalogues keep these ids as text.
        numbers = map(int, chain.from_iterable(rows))
        yield np.fromiter(numbers, np.int64, count=2 * len(rows)).reshape(-1, 2)


def _empty() -> _Rows:
    return np.empty((0, 2), np.int64)


def _ping(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def _guarded(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run on a connection; every fault becomes `CatalogUnavailable`, without the driver's text (it names hosts)."""
    try:
        with engine.connect() as connection:
            return work(connection)
    except (SQLAlchemyError, OSError, ValueError, TypeError) as error:
        raise CatalogUnavailable(f"The catalogue cannot be read ({type(error).__name__}).") from None
