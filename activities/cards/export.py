"""Stages CardTrader's export: download to disk, sort, cut into chunks, compress, write to PostgreSQL.

Idempotent: the same download gives the same chunks, a repeat on the same machine goes on where the last attempt
stopped, chunks of two downloads never mix, and only the newest attempt may write (`staging.fence`). Memory is
constant in the size of the export.
"""

from __future__ import annotations

import asyncio
from itertools import islice

from temporalio import activity

from activities.cards.cutting import Cutter, DifferenceCutter, Ranges, WholeCutter
from activities.cards.downloading import Attempt, ExportDownloads
from activities.cards.errors import ExportTooSlow, ExportUnusable, OperationClosed, StagingSuperseded
from activities.cards.leftovers import Leftovers
from activities.cards.spool import ExportSpool
from activities.cards.staging_area import Download, StagingArea
from activities.support import ahead, beating, postponing
from clients.cardtrader import CardTrader
from clients.cardtrader.errors import ExportTimedOut, ExportTruncated
from clients.catalog import Catalog
from db.cards import lifecycle, sellers, staging
from db.cards.stock import MergeStamp
from db.session import Database
from db.vault import Vault
from domain.cards.export_json import ExportRejected
from workflows.cards.contracts import Manifest, StageExport

_MOST_TRIES = 3
_RANGES_AT_ONCE = 3


class ExportStaging:
    """Turns the export of one seller into `export_chunks`."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        cardtrader: CardTrader,
        catalog: Catalog,
        *,
        area: StagingArea,
        chunk_size: int,
    ) -> None:
        self._database = database
        self._downloads = ExportDownloads(database, vault, cardtrader)
        self._catalog = catalog
        self._area = area
        self._leftovers = Leftovers(database, area)
        self._chunk_size = chunk_size

    @activity.defn
    async def stage_export(self, request: StageExport) -> Manifest:
        """Stage the export. Raises `ExportUnusable`, `ExportTooSlow`, or what the client raises, to be retried."""
        async with beating() as beat:
            await self._leftovers.sweep()
            workspace = self._area.workspace(request.operation_id, request.strategy, activity.info().attempt)
            attempt = Attempt(request, workspace, beat)
            if manifest := await self._take_over(attempt):
                return manifest
            try:
                with postponing():
                    manifest = await self._stage(attempt)
            except (ExportRejected, ExportTruncated) as error:
                await self._give_up_after(attempt, f"rejections_{request.strategy}", ExportUnusable, error)
                raise
            except ExportTimedOut as error:
                await self._give_up_after(attempt, f"timeouts_{request.strategy}", ExportTooSlow, error)
                raise
            await asyncio.to_thread(workspace.clear)
            return manifest

    async def _take_over(self, attempt: Attempt) -> Manifest | None:
        """Become the attempt that may write; the manifest when staging is done already."""
        async with self._database.begin() as connection:
            operation_id = attempt.request.operation_id
            current = await lifecycle.operation(connection, operation_id, lock=True)
            if current is None or current.status != "running":
                raise OperationClosed
            if manifest := current.operation_metadata.get("manifest"):
                return Manifest.model_validate(manifest)
            await lifecycle.note(connection, operation_id, {"staging_attempt": attempt.name})
        return None

    async def _give_up_after(self, attempt: Attempt, counted: str, final: type[Exception], cause: Exception) -> None:
        """After the third failure of its kind, say that it is final."""
        # What was read is bad; what broke off while it came is not there, and the rest serves the next attempt.
        if isinstance(cause, ExportRejected):
            await asyncio.to_thread(attempt.workspace.clear)
        async with self._database.begin() as connection:
            operation_id = attempt.request.operation_id
            current = await lifecycle.operation(connection, operation_id, lock=True)
            failures = 1 + (current.operation_metadata.get(counted, 0) if current else 0)
            await lifecycle.note(connection, operation_id, {counted: failures})
        if failures >= _MOST_TRIES:
            raise final from cause

    async def _stage(self, attempt: Attempt) -> Manifest:
        download = await self._downloads.of(attempt)
        attempt.beat.phase = "sorting"
        spool = await asyncio.to_thread(_spool, attempt, download)
        return await self._write(attempt, download, spool)

    async def _write(self, attempt: Attempt, download: Download, spool: ExportSpool) -> Manifest:
        attempt.beat.phase = "staging"
        attempt.beat.done = 0
        cutter = await self._cutter(attempt, download)
        present = await self._present(attempt, download, cutter)
        ranges = Ranges(spool.chunks(self._chunk_size))
        async for batch in ahead(lambda: list(islice(ranges, _RANGES_AT_ONCE))):
            attempt.beat.done += len(batch)
            await self._flush(attempt, present, await cutter.cut(batch))
        await self._flush(attempt, present, cutter.rest())
        manifest = Manifest(
            chunk_count=cutter.count, product_count=spool.count, checksum=ranges.checksum, complete=download.complete
        )
        await self._publish(attempt, download, manifest)
        return manifest

    async def _cutter(self, attempt: Attempt, download: Download) -> Cutter:
        request = attempt.request
        async with self._database.begin() as connection:
            has_stock = await sellers.has_stock(connection, request.user_id)
        if not has_stock:
            return WholeCutter()
        stamp = MergeStamp(request.user_id, request.operation_id, download.began)
        return DifferenceCutter(self._database, await self._catalog.snapshot(), stamp, size=self._chunk_size)

    async def _present(self, attempt: Attempt, download: Download, cutter: Cutter) -> set[int]:
        """The chunks that an earlier attempt cut and this one would cut the same; all others are dropped."""
        source = {"staged_from": f"{download.began.isoformat()}/{self._chunk_size}"}
        if not cutter.repeatable:
            source = {"staged_from": attempt.name}
        operation_id = attempt.request.operation_id
        async with self._database.begin() as connection:
            current = await lifecycle.operation(connection, operation_id, lock=True)
            if current is None or not await staging.fence(connection, operation_id, attempt.name):
                raise StagingSuperseded
            if source.items() <= current.operation_metadata.items():
                return await staging.staged(connection, operation_id)
            await staging.drop(connection, operation_id)
            await lifecycle.note(connection, operation_id, source)
        return set()

    async def _flush(self, attempt: Attempt, present: set[int], cut: list[staging.StagedChunk]) -> None:
        batch = [chunk for chunk in cut if chunk.chunk_no not in present]
        async with self._database.begin() as connection:
            if not await staging.fence(connection, attempt.request.operation_id, attempt.name):
                raise StagingSuperseded
            if batch:
                await staging.add(connection, attempt.request.operation_id, batch)

    async def _publish(self, attempt: Attempt, download: Download, manifest: Manifest) -> None:
        async with self._database.begin() as connection:
            operation_id = attempt.request.operation_id
            if not await staging.fence(connection, operation_id, attempt.name):
                raise StagingSuperseded
            values = {
                "phase": "applying",
                "applying_since": (await lifecycle.now(connection)).isoformat(),
                "export_began": download.began.isoformat(),
                "total_chunks": manifest.chunk_count,
                "total_products": manifest.product_count,
                "manifest": manifest.model_dump(),
            }
            await lifecycle.note(connection, operation_id, values)


def _spool(attempt: Attempt, download: Download) -> ExportSpool:
    def progress(rows: int) -> None:
        attempt.beat.done = rows

    spool = ExportSpool(attempt.workspace.begin("spool"))
    for name in download.files:
        spool.read(attempt.workspace.downloaded / name, progress)
    return spool
