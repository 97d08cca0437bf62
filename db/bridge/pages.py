"""Staged pages of a batch: fetched once, processed until committed once (`batch_pages`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, any_, cast, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.record_state import Scope
from db.bridge.tables import METRICS, batch_pages, batch_values, sync_batches
from domain.pipeline.metrics import Metrics
from domain.pipeline.watermark import Mark

_page: Final = batch_pages.c
_batch: Final = sync_batches.c


@dataclass(frozen=True, slots=True)
class Staged:
    """A page that was fetched. `next_after`: JSON, the cursor of the page that follows, None after the last."""

    rows: int
    last: bool
    next_after: str | None
    payload: bytes
    size: int
    letters: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A page to process; `payload` is None once it was."""

    rows: int
    payload: bytes | None
    letters: list[int] | None
    attempt: int
    counted: Metrics


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a page. `matched`: of its keys, live ones that were known before the batch."""

    metrics: Metrics
    mark: Mark = field(default_factory=Mark)
    matched: int = 0
    without_key: int = 0
    superseded: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums over the processed pages of a batch. `open`: pages that were fetched and not processed."""

    metrics: Metrics
    matched: int
    without_key: int
    superseded: int
    open: int
    reached_the_end: bool


async def fetched(connection: AsyncConnection, batch_uid: UUID, page_no: int) -> Staged | None:
    """A page that is there, without its payload."""
    columns = (_page.rows, _page.last, cast(_page.next_after, Text), _page.bytes_fetched)
    row = (await connection.execute(select(*columns).where(*_named(batch_uid, page_no)))).one_or_none()
    return None if row is None else Staged(row[0], row[1], row[2], b"", row[3])


async def add(connection: AsyncConnection, batch_uid: UUID, page_no: int, page: Staged) -> None:
    """Stage a page that is not there yet."""
    await connection.execute(
        insert(batch_pages).values(
            batch_uid=batch_uid,
            page_no=page_no,
            rows=page.rows,
            last=page.last,
            next_after=None if page.next_after is None else cast(literal(page.next_after, Text), JSONB),
            payload=page.payload,
            letters=page.letters,
            rows_fetched=page.rows,
            pages_fetched=1,
            bytes_fetched=page.size,
        )
    )


async def rows_before(connection: AsyncConnection, batch_uid: UUID) -> int:
    """How many rows the pages of a batch have."""
    query = select(func.coalesce(func.sum(_page.rows), 0)).where(_page.batch_uid == batch_uid)
    return int((await connection.execute(query)).scalar_one())


async def claim(connection: AsyncConnection, batch_uid: UUID, page_no: int) -> Claimed | None:
    """Start an attempt at a page: an older one cannot commit any more. None where the page is not there."""
    columns = (_page.rows, _page.payload, _page.letters, _page.attempt, *(_page[name] for name in METRICS))
    mine = update(batch_pages).where(*_named(batch_uid, page_no)).values(attempt=_page.attempt + 1)
    row = (await connection.execute(mine.returning(*columns))).one_or_none()
    if row is None:
        return None
    rows, payload, letters, attempt, *numbers = row
    return Claimed(rows, payload, letters, attempt, _metrics(numbers))


async def one_at_a_time(connection: AsyncConnection, batch_uid: UUID) -> None:
    """Let no other page of the batch look at what is under way until the transaction ends."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(batch_uid), 0))))


async def keys_under_way(connection: AsyncConnection, batch_uid: UUID, page_no: int) -> bytes:
    """The keys of the other pages that are being processed."""
    others = select(_page["keys"]).where(_page.batch_uid == batch_uid, _page.page_no != page_no)
    return b"".join(await connection.scalars(others.where(_page["keys"].is_not(None), _page.processed_at.is_(None))))


async def keys_of_last_full(connection: AsyncConnection, scope: Scope, page_no: int, *, neighbours: int) -> bytes:
    """The keys that the last full sync met on this page, and on some before and after it, packed."""
    last = (
        select(_batch.uid)
        .where(_batch.entity_name == scope.entity_name, _batch.source_system == scope.source_system)
        .where(_batch.sync_type == "full", _batch.status.in_(("completed", "completed_with_errors")), ~_batch.dry_run)
        .order_by(_batch.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    near = _page.page_no.between(page_no - neighbours, page_no + neighbours)
    packed = await connection.scalars(select(_page["keys"]).where(_page.batch_uid == last, near))
    return b"".join(keys for keys in packed if keys is not None)


async def hold_keys(connection: AsyncConnection, batch_uid: UUID, page_no: int, keys: bytes) -> None:
    """Note which keys the page has, until it is processed; and after, for what a full sync has met."""
    await connection.execute(update(batch_pages).where(*_named(batch_uid, page_no)).values(keys=keys))


async def finish(
    connection: AsyncConnection, batch_uid: UUID, page_no: int, attempt: int, done: Done, *, keep_keys: bool
) -> bool:
    """Note the outcome of an attempt and drop the rows; False when a later attempt took over."""
    mark = {f"mark_{name}": value for name, value in asdict(done.mark).items()}
    numbers = {name: getattr(done.metrics, name) for name in METRICS}
    mine = update(batch_pages).where(*_named(batch_uid, page_no), _page.attempt == attempt)
    noted = await connection.execute(
        mine.where(_page.processed_at.is_(None)).values(
            processed_at=func.now(),
            payload=None,
            keys=_page["keys"] if keep_keys else None,
            matched=done.matched,
            without_key=done.without_key,
            superseded=done.superseded,
            **mark,
            **numbers,
        )
    )
    return noted.rowcount == 1


async def totals(connection: AsyncConnection, batch_uid: UUID) -> Totals:
    """What the batch has done so far."""
    processed = _page.processed_at.is_not(None)
    names = (*METRICS, "matched", "without_key", "superseded")
    sums = [func.coalesce(func.sum(_page[name]).filter(processed), 0) for name in names]
    query = select(
        *sums, func.count().filter(~processed), func.coalesce(func.bool_or(_page.last), literal(value=False))
    )
    *numbers, still_open, last = (await connection.execute(query.where(_page.batch_uid == batch_uid))).one()
    matched, without_key, superseded = map(int, numbers[len(METRICS) :])
    return Totals(_metrics(numbers[: len(METRICS)]), matched, without_key, superseded, still_open, last)


async def marks(connection: AsyncConnection, batch_uid: UUID) -> list[Mark]:
    """Of the processed pages."""
    columns = select(_page.mark_highest, _page.mark_lowest_failed, _page.mark_lost)
    found = await connection.execute(columns.where(_page.batch_uid == batch_uid, _page.processed_at.is_not(None)))
    return [Mark(*row) for row in found]


async def met_keys(connection: AsyncConnection, batch_uid: UUID) -> bytes:
    """The keys of all pages, one after the other; one that came on two pages is there twice."""
    query = select(_page["keys"]).where(_page.batch_uid == batch_uid, _page["keys"].is_not(None))
    return b"".join(await connection.scalars(query))


async def next_after(connection: AsyncConnection, batch_uid: UUID, page_no: int) -> Any:
    """The cursor with which the next page starts, as decoded JSON; None after the last, or where there is no page."""
    return await connection.scalar(select(_page.next_after).where(*_named(batch_uid, page_no)))


async def drop(connection: AsyncConnection, batch_uid: UUID) -> None:
    """Forget the pages of a batch."""
    await connection.execute(delete(batch_pages).where(_page.batch_uid == batch_uid))
    await _drop_values(connection, batch_uid)


async def keep_as_last_full(connection: AsyncConnection, scope: Scope, batch_uid: UUID) -> None:
    """Keep the keys of a full sync that is through, in the place of those of the one before."""
    others = select(_batch.uid).where(
        _batch.entity_name == scope.entity_name, _batch.source_system == scope.source_system, _batch.uid != batch_uid
    )
    await connection.execute(delete(batch_pages).where(_page.batch_uid.in_(others)))
    await _drop_values(connection, batch_uid)


async def _drop_values(connection: AsyncConnection, batch_uid: UUID) -> None:
    await connection.execute(delete(batch_values).where(batch_values.c.batch_uid == batch_uid))


_TAKE_VALUES = text("""
    INSERT INTO batch_values (batch_uid, field, digest, page_no)
    SELECT :batch, :field, digest, :page FROM unnest(cast(:digests AS bytea[])) AS digest
    ON CONFLICT DO NOTHING
""")


async def take_values(
    connection: AsyncConnection, batch_uid: UUID, page_no: int, field: str, digests: Sequence[bytes]
) -> list[bytes]:
    """Take values of a unique field for this page; those that another page of the batch took before it are returned."""
    value = batch_values.c
    wanted = {"batch": batch_uid, "field": field, "page": page_no, "digests": list(digests)}
    await connection.execute(_TAKE_VALUES, wanted)
    taken = select(value.digest).where(value.batch_uid == batch_uid, value.field == field, value.page_no != page_no)
    mine = value.digest == any_(literal(list(digests), ARRAY(BYTEA)))
    return list(await connection.scalars(taken.where(mine)))


def _named(batch_uid: UUID, page_no: int) -> tuple[Any, ...]:
    return _page.batch_uid == batch_uid, _page.page_no == page_no


def _metrics(numbers: Sequence[Any]) -> Metrics:
    return Metrics(**{name: int(number) for name, number in zip(METRICS, numbers, strict=True)})
