"""What is known of every row that was told to the hub: its hashes, its rowversion, its id there (`record_state`).

Rows that did not change are not written, so a sync that finds little costs little. The hashes of a page are one value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, any_, bindparam, cast, func, literal, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from db.bridge.tables import record_state

_BYTEAS = ARRAY(BYTEA)
_state = record_state.c


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose state: one entity of one source."""

    source_system: str
    entity_name: str

    @property
    def named(self) -> dict[str, str]:
        """As parameters of a query."""
        return {"source": self.source_system, "entity": self.entity_name}


class Differing(msgspec.Struct, frozen=True, gc=False):
    """What is known of a key whose row is not exactly the known one."""

    key: bytes
    data: bytes
    rowversion: str | None
    target_uid: str | None
    deleted: bool
    in_batch: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """The keys of a page that are known: those that differ, and the others (packed); a key may be in both."""

    differing: Sequence[Differing]
    alike: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """Rows that the hub took, column by column; hashes are packed, one after the other. Best in the keys' order."""

    keys: bytes
    datas: bytes
    rowversions: Sequence[str | None]
    raw_hashes: bytes
    target_uids: Sequence[str | None]


NOTHING_TOLD: Final = Told(b"", b"", (), b"", ())

# Of the rows of a page that hardly changed a hundredth comes back, of new ones nothing. Columns are one value each: as
# arrays they would cost the driver more than the look-up costs the server. OFFSET 0 keeps the planner, which may know
# nothing of the table yet, from beginning with all rows of the entity.
_COMPARE = text("""
    WITH met AS MATERIALIZED (
        SELECT known.*, known.deleted_at IS NOT NULL AS deleted,
               known.last_seen_batch IS NOT DISTINCT FROM cast(:batch AS uuid) AS in_batch,
               known.data_hash = substring(cast(:datas AS bytea) FROM 32 * place - 31 FOR 32)
               AND known.rowversion IS NOT DISTINCT FROM new.rowversion AS same
        FROM json_array_elements_text(cast(:rowversions AS json)) WITH ORDINALITY AS new(rowversion, nth),
             LATERAL (SELECT cast(nth AS integer) AS place) AS at,
             LATERAL (SELECT bk_hash, data_hash, rowversion, target_uid, deleted_at, last_seen_batch FROM record_state
                      WHERE source_system = :source AND entity_name = :entity
                        AND bk_hash = substring(cast(:keys AS bytea) FROM 16 * place - 15 FOR 16) OFFSET 0) AS known
    ), alike AS (SELECT bk_hash FROM met WHERE same AND NOT deleted AND NOT in_batch)
    SELECT string_agg(bk_hash, cast('' AS bytea)), NULL, NULL, NULL, NULL, NULL FROM alike
    UNION ALL
    SELECT bk_hash, data_hash, rowversion, target_uid, deleted, in_batch FROM met WHERE NOT same OR deleted OR in_batch
""")

_BY_INDEX: Final = select(func.set_config("enable_seqscan", "off", true()))

# Who finds a key that was not there sees the database's refusal, and looks again: cheaper by half than to ask each row.
_INSERT = text("""
    INSERT INTO record_state (source_system, entity_name, bk_hash, data_hash, rowversion, hash_scheme, raw_hash,
                              target_uid, last_seen_batch)
    SELECT :source, :entity, substring(cast(:keys AS bytea) FROM 16 * place - 15 FOR 16),
           substring(cast(:datas AS bytea) FROM 32 * place - 31 FOR 32), rowversion, :scheme,
           substring(cast(:raws AS bytea) FROM 16 * place - 15 FOR 16), target, cast(:batch AS uuid)
    FROM ROWS FROM (json_array_elements_text(cast(:rowversions AS json)),
                    json_array_elements_text(cast(:targets AS json)))
         WITH ORDINALITY AS new(rowversion, target, nth), LATERAL (SELECT cast(nth AS integer) AS place) AS at
""")

_OVER = text("""
    ON CONFLICT (source_system, entity_name, bk_hash) DO UPDATE
    SET data_hash = excluded.data_hash, rowversion = excluded.rowversion, hash_scheme = excluded.hash_scheme,
        raw_hash = excluded.raw_hash, target_uid = coalesce(excluded.target_uid, record_state.target_uid),
        last_seen_batch = excluded.last_seen_batch, deleted_at = NULL
""")
_WRITE_OVER = text(f"{_INSERT.text}{_OVER.text}")

_RECOGNISE = text("""
    UPDATE record_state SET raw_hash = found.new_hash
    FROM (SELECT known.at, substring(cast(:raws AS bytea) FROM 16 * place - 15 FOR 16) AS new_hash
          FROM generate_series(1, length(cast(:keys AS bytea)) / 16) AS place,
               LATERAL (SELECT ctid AS at FROM record_state
                        WHERE source_system = :source AND entity_name = :entity
                          AND bk_hash = substring(cast(:keys AS bytea) FROM 16 * place - 15 FOR 16) OFFSET 0) AS known
         ) AS found
    WHERE record_state.ctid = found.at AND record_state.deleted_at IS NULL
      AND record_state.raw_hash IS DISTINCT FROM found.new_hash
""")

_REMEMBERED = text("""
    SELECT string_agg(known.raw_hash || known.bk_hash, cast('' AS bytea))
    FROM generate_series(1, length(cast(:keys AS bytea)) / 16) AS place,
         LATERAL (SELECT raw_hash, bk_hash, deleted_at, last_seen_batch FROM record_state
                  WHERE source_system = :source AND entity_name = :entity
                    AND bk_hash = substring(cast(:keys AS bytea) FROM 16 * place - 15 FOR 16) OFFSET 0) AS known
    WHERE known.deleted_at IS NULL AND known.raw_hash IS NOT NULL
      AND known.last_seen_batch IS DISTINCT FROM cast(:batch AS uuid)
""")


async def by_index(connection: AsyncConnection) -> None:
    """Have this transaction find keys by the index only: a plan may be older than the rows, and would read them all."""
    await connection.execute(_BY_INDEX)


async def compared(
    connection: AsyncConnection,
    scope: Scope,
    batch_uid: UUID,
    keys: bytes,
    datas: bytes,
    rowversions: Sequence[str | None],
) -> Compared:
    """A page's rows (hashes packed) with what is known of their keys; alike: live, with this hash and rowversion.

    A key of which a row of the same batch was written before always differs.
    """
    page = {"keys": keys, "datas": datas, "rowversions": _json(rowversions), "batch": batch_uid}
    alike, *differing = await connection.execute(_COMPARE, {**scope.named, **page})
    return Compared([Differing(*row) for row in differing], alike[0] or b"")


async def remembered(connection: AsyncConnection, scope: Scope, batch_uid: UUID, keys: bytes) -> bytes:
    """Of these live rows, unless this batch wrote them: the hash of the row as the hub was last told of it, and its
    key, one pair of 32 bytes after the other."""
    asked = {**scope.named, "keys": keys, "batch": batch_uid}
    return await connection.scalar(_REMEMBERED, asked) or b""


async def recognise(connection: AsyncConnection, scope: Scope, keys: bytes, raw_hashes: bytes) -> None:
    """Rows that were read and found unchanged are known by these bytes from now on; both packed."""
    if keys:
        await connection.execute(_RECOGNISE, {**scope.named, "keys": keys, "raws": raw_hashes})


async def write(
    connection: AsyncConnection, scope: Scope, batch_uid: UUID, told: Told, *, scheme: str, over: bool
) -> None:
    """Note what the hub holds now, each key at most once; `over` what is known, else rows of keys that are not there.

    Raises:
        IntegrityError: one of them is there by now.
    """
    if told.keys:
        page = {
            "keys": told.keys,
            "datas": told.datas,
            "rowversions": _json(told.rowversions),
            "raws": told.raw_hashes,
            "targets": _json(told.target_uids),
            "batch": batch_uid,
            "scheme": scheme,
        }
        await connection.execute(_WRITE_OVER if over else _INSERT, {**scope.named, **page})


async def known(connection: AsyncConnection, scope: Scope, keys: Sequence[bytes]) -> list[bytes]:
    """Which of these keys have a live row."""
    if not keys:
        return []
    return list(await connection.scalars(select(_state.bk_hash).where(*_live(scope), _is_one_of(keys))))


async def count_live(connection: AsyncConnection, scope: Scope) -> int:
    """How many rows are known and not deleted."""
    return int((await connection.execute(select(func.count()).where(*_live(scope)))).scalar_one())


async def live_keys(connection: AsyncConnection, scope: Scope) -> bytes:
    """The keys of all live rows, 16 bytes each, in no order."""
    every = select(func.string_agg(_state.bk_hash, cast(literal(b""), BYTEA))).where(*_live(scope))
    return (await connection.execute(every)).scalar() or b""


async def target_uids(connection: AsyncConnection, scope: Scope, keys: Sequence[bytes]) -> dict[bytes, str | None]:
    """The hub's id of live rows, None where it did not tell."""
    query = select(_state.bk_hash, _state.target_uid).where(*_live(scope), _is_one_of(keys))
    return {row[0]: row[1] for row in await connection.execute(query)}


async def mark_deleted(connection: AsyncConnection, scope: Scope, batch_uid: UUID, keys: Sequence[bytes]) -> None:
    """Soft: the row stays, with the time of its deletion."""
    gone = update(record_state).where(*_live(scope), _is_one_of(keys))
    await connection.execute(gone.values(deleted_at=func.now(), last_seen_batch=batch_uid))


async def count_deleted(connection: AsyncConnection, scope: Scope, batch_uid: UUID) -> int:
    """How many rows this batch deleted."""
    query = select(func.count()).where(*_of(scope), _state.deleted_at.is_not(None), _state.last_seen_batch == batch_uid)
    return int((await connection.execute(query)).scalar_one())


def _of(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return _state.source_system == scope.source_system, _state.entity_name == scope.entity_name


def _live(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return *_of(scope), _state.deleted_at.is_(None)


def _json(values: Sequence[str | None]) -> str:
    return msgspec.json.encode(values).decode()


def _is_one_of(keys: Sequence[bytes]) -> ColumnElement[bool]:
    """One bound array, however many there are; of no type for SQLAlchemy, which would look at each key."""
    return _state.bk_hash == any_(cast(bindparam(None, list(keys), type_=NullType()), _BYTEAS))
