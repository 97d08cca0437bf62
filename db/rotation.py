"""Brings every encrypted column under the first key of the vault, in bounded batches, while the service writes.

A row is replaced only if it still holds what was read (compare-and-set), and rows that somebody has locked are left
for the next pass: nothing waits, nothing is overwritten. Each batch is committed by itself and what is under the
first key is left alone, so a rotation that was killed is simply begun again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, MetaData, Select, Table, Update, bindparam, cast, column, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from db.every_table import metadata
from db.session import Database
from db.vault import SecretUnreadable, Vault

BATCH: Final = 500
_PASSES: Final = 10
_PAUSE_SECONDS: Final = 0.5

Sleep = Callable[[float], Awaitable[object]]
Replacement = tuple[Any, Any, Any]
"""Key of the row, the token that was read, the token under the first key."""


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """Rows of one column. `left`: still under another key, because they were busy; `unreadable`: under none of ours."""

    table: str
    column: str
    current: int = 0
    rotated: int = 0
    left: int = 0
    unreadable: int = 0

    @property
    def is_done(self) -> bool:
        """Whether every row is under the first key."""
        return not self.left and not self.unreadable


def encrypted_columns(tables: MetaData = metadata) -> list[Column[Any]]:
    """Columns that hold tokens of the vault: named `..._encrypted`, or declared with `info={"encrypted": True}`."""
    return [
        found
        for table in tables.sorted_tables
        for found in table.columns
        if found.name.endswith("_encrypted") or found.info.get("encrypted")
    ]


async def rotate(
    database: Database,
    vault: Vault,
    *,
    batch: int = BATCH,
    dry_run: bool = False,
    sleep: Sleep = asyncio.sleep,
) -> list[ColumnReport]:
    """Re-encrypt every column; a dry run only counts. Idempotent, and safe to end at any moment."""
    return [await _Rotation(database, vault, sealed, batch).run(sleep, dry_run) for sealed in encrypted_columns()]


class _Rotation:
    """Of one column."""

    def __init__(self, database: Database, vault: Vault, sealed: Column[Any], batch: int) -> None:
        self._database, self._vault, self._batch = database, vault, batch
        assert isinstance(sealed.table, Table)  # noqa: S101 - a column of the metadata always has one
        self._table, self._column = sealed.table, sealed
        (self._key,) = sealed.table.primary_key.columns
        self._statement = _replace(self._key, sealed)

    async def run(self, sleep: Sleep, dry_run: bool) -> ColumnReport:
        rotated = 0
        for number in range(_PASSES):
            report = await self._pass(dry_run)
            rotated += report.rotated
            # What is left was busy, or written meanwhile by a process that encrypts with an older key.
            if dry_run or not report.left or number == _PASSES - 1:
                break
            await sleep(_PAUSE_SECONDS)
        return ColumnReport(
            self._table.name, self._column.name, report.current, rotated, report.left, report.unreadable
        )

    async def _pass(self, dry_run: bool) -> ColumnReport:
        current = rotated = left = unreadable = 0
        async for rows in self._batches():
            stale, torn = self._stale(rows)
            done = 0 if dry_run else await self._write(stale)
            current += len(rows) - len(stale) - torn + done
            rotated, left, unreadable = rotated + done, left + len(stale) - done, unreadable + torn
        return ColumnReport(self._table.name, self._column.name, current, rotated, left, unreadable)

    async def _batches(self) -> AsyncIterator[Sequence[Any]]:
        after = None
        while True:
            async with self._database.statement() as connection:
                rows = (await connection.execute(self._page(after))).all()
            if not rows:
                return
            yield rows
            after = rows[-1][0]

    def _page(self, after: Any) -> Select[Any]:
        page = select(self._key, self._column).where(func.length(self._column) > 0)
        return (page if after is None else page.where(self._key > after)).order_by(self._key).limit(self._batch)

    def _stale(self, rows: Sequence[Any]) -> tuple[list[Replacement], int]:
        """What to replace, and how many rows no key reads."""
        found, torn = [], 0
        for key, token in rows:
            try:
                fresh = self._vault.renewed(token)
            except SecretUnreadable:
                torn += 1
            else:
                found += [(key, token, fresh)] if fresh is not None else []
        return found, torn

    async def _write(self, stale: Sequence[Replacement]) -> int:
        if not stale:
            return 0
        keys, olds, news = (list(values) for values in zip(*stale, strict=True))
        async with self._database.statement() as connection:
            done = await connection.execute(self._statement, {"keys": keys, "olds": olds, "news": news})
        return done.rowcount


def _replace(key: Column[Any], sealed: Column[Any]) -> Update:
    """Rows are locked in the order of their keys, without waiting for any, and only as they were read."""
    arrays = (("keys", key), ("olds", sealed), ("news", sealed))
    given = (
        func.unnest(*(cast(bindparam(name), ARRAY(of.type)) for name, of in arrays))
        .table_valued(column("row_key", key.type), column("old", sealed.type), column("new", sealed.type))
        .render_derived(name="given")
    )
    free = (
        select(key.label("row_key"))
        .join_from(given, key.table, key == given.c.row_key)
        .where(sealed == given.c.old)
        .order_by(key)
        .with_for_update(of=key.table, skip_locked=True)
        .cte("free")
    )
    return (
        update(key.table)
        .where(key == given.c.row_key, sealed == given.c.old, key.in_(select(free.c.row_key)))
        .values({sealed.name: given.c.new})
    )
