"""What is known of every row that was told to the hub: its hashes, its rowversion, its id there (`record_state`).

Rows that did not change are not written, so a sync that finds little costs little. Hashes are bytea; pages are arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, any_, bindparam, cast, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from db.bridge.tables import record_state
from domain.pipeline.key_sets import KEY_BYTES

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
    """What is known of a key whose row is not exactly the known one; `data` is None where nothing is known."""

    key: bytes
    data: bytes | None
    rowversion: str | None
    target_uid: str | None
    deleted: bool
    in_batch: bool


@dataclass(frozen=True, slots=True)
class Told:
    """Rows that the hub took, column by column."""

    keys: Sequence[bytes]
    datas: Sequence[bytes]
    rowversions: Sequence[str | None]
    raw_hashes: Sequence[bytes]
    target_uids: Sequence[str | None]


# Only what differs comes back: of a page that hardly changed, a hundredth.
_DIFFERING = text("""
    SELECT DISTINCT ON (new.key) new.key, known.data_hash, known.rowversion, known.target_uid,
           known.deleted_at IS NOT NULL, known.last_seen_batch IS NOT DISTINCT FROM cast(:batch AS uuid)
    FROM unnest(cast(:keys AS bytea[]), cast(:datas AS bytea[]), cast(:rowversions AS text[]))
         AS new(key, data, rowversion)
    LEFT JOIN record_state AS known
      ON known.source_system = :source AND known.entity_name = :entity AND known.bk_hash = new.key
    WHERE known.data_hash IS DISTINCT FROM new.data OR known.rowversion IS DISTINCT FROM new.rowversion
       OR known.deleted_at IS NOT NULL OR known.last_seen_batch = cast(:batch AS uuid)
""")

_INSERT = text("""
    INSERT INTO record_state (source_system, entity_name, bk_hash, data_hash, rowversion, hash_scheme, raw_hash,
                              target_uid, last_seen_batch)
    SELECT :source, :entity, new.key, new.data, new.rowversion, :scheme, new.raw, new.target, cast(:batch AS uuid)
    FROM unnest(cast(:keys AS bytea[]), cast(:datas AS bytea[]), cast(:rowversions AS text[]), cast(:raws AS bytea[]),
                cast(:targets AS text[]))
         AS new(key, data, rowversion, raw, target)
    ON CONFLICT (source_system, entity_name, bk_hash) DO UPDATE
    SET data_hash = excluded.data_hash, rowversion = excluded.rowversion, hash_scheme = excluded.hash_scheme,
        raw_hash = excluded.raw_hash, target_uid = coalesce(excluded.target_uid, record_state.target_uid),
        last_seen_batch = excluded.last_seen_batch, deleted_at = NULL
""")

_RECOGNISE = text("""
    UPDATE record_state AS known SET raw_hash = new.raw
    FROM unnest(cast(:keys AS bytea[]), cast(:raws AS bytea[])) AS new(key, raw)
    WHERE known.source_system = :source AND known.entity_name = :entity AND known.bk_hash = new.key
      AND known.deleted_at IS NULL AND known.raw_hash IS DISTINCT FROM new.raw
""")


async def differing(
    connection: AsyncConnection,
    scope: Scope,
    batch_uid: UUID,
    keys: Sequence[bytes],
    datas: Sequence[bytes],
    rowversions: Sequence[str | None],
) -> list[Differing]:
    """Of a page's rows: what is known of each key, except where a live row is known with this hash and rowversion.

    A key of which a row of the same batch was written before is always among them.
    """
    page = {"keys": keys, "datas": datas, "rowversions": rowversions, "batch": batch_uid}
    found = await connection.execute(_DIFFERING, {**scope.named, **page})
    return [Differing(*row) for row in found]


async def remembered(
    connection: AsyncConnection, scope: Scope, batch_uid: UUID, keys: Sequence[bytes]
) -> dict[bytes, bytes]:
    """Of live rows that this batch did not write: their key, by the hash of the row as the hub was last told of it."""
    packed = func.string_agg(_state.raw_hash.concat(_state.bk_hash), cast(literal(b""), BYTEA))
    before = _state.last_seen_batch.is_distinct_from(batch_uid)
    query = select(packed).where(*_live(scope), _is_one_of(keys), before, _state.raw_hash.is_not(None))
    pairs: bytes = (await connection.execute(query)).scalar() or b""
    size = KEY_BYTES
    return {pairs[at : at + size]: pairs[at + size : at + 2 * size] for at in range(0, len(pairs), 2 * size)}


async def recognise(
    connection: AsyncConnection, scope: Scope, keys: Sequence[bytes], raw_hashes: Sequence[bytes]
) -> None:
    """Rows that were read and found unchanged are known by these bytes from now on."""
    if keys:
        await connection.execute(_RECOGNISE, {**scope.named, "keys": keys, "raws": raw_hashes})


async def write(connection: AsyncConnection, scope: Scope, batch_uid: UUID, told: Told, *, scheme: str) -> None:
    """Note what the hub holds now; each key at most once."""
    if told.keys:
        page = {
            "keys": told.keys,
            "datas": told.datas,
            "rowversions": told.rowversions,
            "raws": told.raw_hashes,
            "targets": told.target_uids,
            "batch": batch_uid,
            "scheme": scheme,
        }
        await connection.execute(_INSERT, {**scope.named, **page})


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


def _is_one_of(keys: Sequence[bytes]) -> ColumnElement[bool]:
    """One bound array, however many there are; of no type for SQLAlchemy, which would look at each key."""
    return _state.bk_hash == any_(cast(bindparam(None, list(keys), type_=NullType()), _BYTEAS))
