"""Stage 1: a page of rows, staged as it came.

Idempotent: a page that is staged is not fetched again. Pages of a batch are fetched one after the other, each where
the one before ended. Retries and children's batches take their rows from what was kept of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from temporalio import activity

from activities.bridge import payloads
from activities.bridge.errors import BatchClosed, BatchIncomplete
from activities.support import beating, postponing
from clients.apismith import ApiSmith, Direction, Filter, Sort, SourcePage, SourceUnusable
from db.bridge import batches, children, letters, pages
from db.bridge.batches import Work
from db.bridge.letters import Selection
from db.bridge.pages import Staged
from db.session import Database
from domain.pipeline import cursor as cursors
from domain.pipeline.columns import from_rows
from domain.pipeline.cursor import Cursor, KeyMissing
from domain.pipeline.definition import Definition
from domain.pipeline.page import prepare
from workflows.bridge.contracts import Fetched, PageRef


class PageFetch:
    """Fetches the pages of batches."""

    def __init__(self, database: Database, source: ApiSmith) -> None:
        self._database = database
        self._source = source

    @activity.defn
    async def fetch_page(self, request: PageRef) -> Fetched:
        """One page. Raises `BatchClosed`, `BatchIncomplete`, the errors of the source's client or database errors."""
        with postponing():
            async with beating():
                return await self._fetch(request)

    async def _fetch(self, request: PageRef) -> Fetched:
        async with self._database.begin() as connection:
            work = await batches.read(connection, request.batch_uid)
            if work is None or not work.is_running:
                raise BatchClosed
            there = await pages.fetched(connection, request.batch_uid, request.page_no)
            before = await pages.fetched(connection, request.batch_uid, request.page_no - 1)
        if there is not None:
            return Fetched(rows=there.rows, last=there.last, reported=work.total_reported)
        if before is None and request.page_no > 1:
            raise BatchIncomplete
        begins = work.begins_after if before is None else before.next_after
        size = min(request.rows or work.page_size, work.page_size)
        page, reported = await self._page(work, begins, size, is_first=request.page_no == 1)
        return await self._stage(request, page, reported)

    async def _stage(self, request: PageRef, page: Staged, reported: int | None) -> Fetched:
        async with self._database.begin() as connection:
            work = await batches.fence(connection, request.batch_uid)
            if work is None or not work.is_running:
                raise BatchClosed
            if reported is not None and request.page_no == 1:
                await batches.note_reported(connection, request.batch_uid, reported)
            await pages.add(connection, request.batch_uid, request.page_no, page)
        return Fetched(rows=page.rows, last=page.last, reported=work.total_reported or reported)

    async def _page(self, work: Work, begins: str | None, size: int, *, is_first: bool) -> tuple[Staged, int | None]:
        if work.sync_type == "retry":
            return await self._letters(work, begins, size), None
        if work.sync_type == "children":
            return await self._children(work, begins, size), None
        if is_first and begins is None:
            await self._note_ceiling(work)
        return await self._rows(work, cursors.of_json(begins), size)

    async def _rows(self, work: Work, cursor: Cursor, size: int) -> tuple[Staged, int | None]:
        """Ask until rows can be taken; a group of the key that fills the page is walked by its next field."""
        key, reported = work.obeyed.source_key, None
        while True:
            answer = await self._ask(work, cursor, size)
            reported = answer.total if reported is None else reported
            rows = answer.rows
            more = len(rows) < answer.total if answer.total is not None else len(rows) >= size
            turn = _turn(cursor, key, rows, more=more)
            if turn.taken or turn.next is None:
                break
            cursor = turn.next
        next_after = None if turn.next is None else cursors.as_json(turn.next)
        return await _staged(rows[: turn.taken], next_after), reported

    async def _ask(self, work: Work, cursor: Cursor, size: int) -> SourcePage:
        definition, since = work.obeyed, work.watermark
        filters = [
            Filter(told.field, told.operator, told.value) for told in cursors.filters(cursor, definition.source_key)
        ]
        if since is not None:
            filters.append(Filter(definition.source_rowversion, ">=", since))
        by = cursors.sorted_by(cursor, definition.source_key)
        return await self._source.execute(definition.connector, page_size=size, filters=filters, sort=Sort(by))

    async def _note_ceiling(self, work: Work) -> None:
        """The source's highest rowversion before the first row is fetched; only asked for where rows have one."""
        definition = work.obeyed
        first, highest = definition.source_key[0], definition.source_rowversion
        if await self._rowversion_of_top(definition, first, "asc") is not None:
            ceiling = await self._rowversion_of_top(definition, highest, "desc")
            async with self._database.begin() as connection:
                await batches.note_ceiling(connection, work.uid, ceiling)

    async def _rowversion_of_top(self, definition: Definition, sort: str, direction: Direction) -> str | None:
        """As the stages read it; None where it cannot be read."""
        answer = await self._source.execute(definition.connector, page_size=1, sort=Sort(sort, direction))
        rows = payloads.decode(payloads.join(answer.rows[:1]))
        if not rows:
            return None
        identified = prepare(from_rows(rows), definition.entity, definition.source).rows
        return None if identified.order[0] is None else identified.rowversion[0]

    async def _letters(self, work: Work, begins: str | None, size: int) -> Staged:
        selection = msgspec.convert(work.selection or {}, Selection)
        after = int(begins or 0)
        async with self._database.begin() as connection:
            kept = await letters.select_rows(connection, work.scope, selection, after=after, most=size)
        next_after = str(kept[-1].id) if len(kept) == size else None
        return await _staged([one.raw for one in kept], next_after, [one.id for one in kept])

    async def _children(self, work: Work, begins: str | None, size: int) -> Staged:
        after = bytes.fromhex(msgspec.json.decode(begins, type=str)) if begins else b""
        async with self._database.begin() as connection:
            kept = await children.due_rows(connection, work.scope, after=after, most=size)
        next_after = f'"{kept[-1].key.hex()}"' if len(kept) == size else None
        return await _staged([one.raw for one in kept], next_after)


def _turn(cursor: Cursor, key: tuple[str, ...], rows: list[msgspec.Raw], *, more: bool) -> cursors.Turn:
    field = cursors.sorted_by(cursor, key)

    def value(row: int) -> Any:
        return payloads.value(rows[row], field)

    try:
        return cursors.turn(cursor, key, len(rows), value, more=more)
    except KeyMissing:
        raise SourceUnusable("Rows without key fill a page: what comes after them cannot be asked for.") from None


async def _staged(rows: Sequence[msgspec.Raw | bytes], next_after: str | None, ids: list[int] | None = None) -> Staged:
    """`next_after` is None after the last page."""
    whole = payloads.join(rows)
    packed = await asyncio.to_thread(payloads.pack, whole)
    return Staged(len(rows), next_after is None, next_after, packed, len(whole), ids)
