"""Staging over a real database: machines that take over from each other, and what they leave on disk."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.testing import ActivityEnvironment

from activities.cards.errors import OperationClosed
from activities.cards.export import ExportStaging
from activities.cards.leftovers import Leftovers
from activities.cards.staging_area import StagingArea
from clients.cardtrader import Expansion
from clients.cardtrader.errors import ExportTruncated
from db.cards import lifecycle, operations, sellers, staging
from db.cards.tables import export_chunks
from db.session import Database
from db.vault import Vault
from tests.helpers.stock import StillCatalog, Stock
from workflows.cards.contracts import Manifest, StageExport

KilledAfter = Callable[[int], AbstractContextManager[None]]


class FakeExports:
    """CardTrader whose export has, at each download, the products it is told to have."""

    def __init__(self, *stocks: range) -> None:
        self._stocks = list(stocks)

    def for_token(self, token: str) -> FakeExports:
        return self

    async def download_export(self, path: Path, *, expansion_id: object, on_progress: Callable[[int], None]) -> None:
        products = [
            {"id": 10 * number, "blueprint_id": number, "quantity": 1, "price_cents": 9}
            for number in self._stocks.pop(0)
        ]
        await asyncio.to_thread(path.write_text, json.dumps(products))


class FlakyExpansions:
    """CardTrader with five expansions that fails after so many answers, and remembers what was asked."""

    def __init__(self, *answers: int) -> None:
        self._answers = list(answers)
        self.asked: list[object] = []

    def for_token(self, token: str) -> FlakyExpansions:
        return self

    async def expansions_export(self) -> list[Expansion]:
        return [Expansion(number) for number in range(1, 6)]

    async def download_export(self, path: Path, *, expansion_id: object, on_progress: Callable[[int], None]) -> None:
        if self._answers[0] == 0:
            self._answers.pop(0)
            raise ExportTruncated
        self._answers[0] -= 1
        self.asked.append(expansion_id)
        number = 6 if expansion_id == "null" else int(str(expansion_id))
        product = {"id": number, "blueprint_id": number, "quantity": 1}
        await asyncio.to_thread(path.write_text, json.dumps([product]))


class Machine:
    """A worker's disk and its activities."""

    def __init__(self, database: Database, vault: Vault, root: Path, exports: object, chunk_size: int = 10):
        self.area = StagingArea(root)
        self._staging = ExportStaging(
            database,
            vault,
            exports,  # type: ignore[arg-type]  # a fake
            StillCatalog(),  # type: ignore[arg-type]  # a fake
            area=self.area,
            chunk_size=chunk_size,
        )

    async def stage(self, request: StageExport, attempt: int) -> Manifest:
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        manifest: Manifest = await environment.run(self._staging.stage_export, request)
        return manifest


class Killed(Exception):
    """Stands for kill -9 between two writes."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


@pytest.fixture
async def request_(database: Database, vault: Vault) -> StageExport:
    return await _opened(database, vault)


async def _opened(database: Database, vault: Vault) -> StageExport:
    user_id, token = uuid4(), vault.encrypt("token")
    async with database.begin() as connection:
        await sellers.link(connection, user_id, token_encrypted=token, secret_encrypted=token, cardtrader_user_id=1)
    return await _begun(database, user_id)


async def _begun(database: Database, user_id: UUID) -> StageExport:
    wanted = StageExport(user_id=user_id, operation_id=uuid4())
    async with database.begin() as connection:
        await operations.register(connection, wanted.user_id, wanted.operation_id, "bulk_sync", {})
        await lifecycle.begin(connection, wanted.user_id, wanted.operation_id)
    return wanted


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> KilledAfter:
    """Staging ends without any clean-up after so many written batches."""
    add = staging.add

    @contextmanager
    def killed(writes: int) -> Iterator[None]:
        left = iter(range(writes))

        async def dying(connection: AsyncConnection, operation_id: UUID, chunks: list[staging.StagedChunk]) -> None:
            if next(left, None) is None:
                raise Killed
            await add(connection, operation_id, chunks)

        with monkeypatch.context() as patch:
            patch.setattr(staging, "add", dying)
            with pytest.raises(Killed):
                yield

    return killed


async def _rows(database: Database, operation_id: UUID) -> list[int]:
    query = select(export_chunks.c.rows).where(export_chunks.c.operation_id == str(operation_id))
    async with database.begin() as connection:
        return list(await connection.scalars(query.order_by(export_chunks.c.chunk_no)))


async def test_chunks_of_two_downloads_never_mix(
    database: Database, vault: Vault, request_: StageExport, tmp_path: Path, killed_after: KilledAfter
) -> None:
    first = Machine(database, vault, tmp_path / "first", FakeExports(range(1, 201)))
    second = Machine(database, vault, tmp_path / "second", FakeExports(range(100, 305)))
    for number, machine in ((1, first), (2, second)):
        with killed_after(1):
            await machine.stage(request_, number)
    manifest = await first.stage(request_, 3)
    assert (manifest.chunk_count, manifest.product_count) == (20, 200)
    async with database.begin() as connection:
        claimed = [await staging.claim(connection, request_.operation_id, number) for number in range(20)]
    staged = [product for chunk in claimed if chunk for product in chunk.keys["product"].tolist()]
    assert sorted(staged) == [10 * number for number in range(1, 201)]


async def test_another_chunk_size_begins_anew(
    database: Database, vault: Vault, request_: StageExport, tmp_path: Path, killed_after: KilledAfter
) -> None:
    old = Machine(database, vault, tmp_path, FakeExports(range(1, 201)))
    with killed_after(1):
        await old.stage(request_, 1)
    deployed = Machine(database, vault, tmp_path, FakeExports(), chunk_size=30)
    await deployed.stage(request_, 2)
    assert await _rows(database, request_.operation_id) == [30] * 6 + [20]


async def test_a_repeat_on_the_same_machine_goes_on_without_a_download(
    database: Database, vault: Vault, request_: StageExport, tmp_path: Path, killed_after: KilledAfter
) -> None:
    machine = Machine(database, vault, tmp_path, FakeExports(range(1, 201)))
    with killed_after(2):
        await machine.stage(request_, 1)
    before = await _rows(database, request_.operation_id)
    assert 0 < len(before) < 20
    assert (await machine.stage(request_, 2)).chunk_count == 20
    assert not machine.area.operations()


async def test_a_repeat_compares_anew_with_the_stock_as_it_is_then(
    database: Database, vault: Vault, request_: StageExport, tmp_path: Path, killed_after: KilledAfter
) -> None:
    machine = Machine(database, vault, tmp_path, FakeExports(range(1, 201), range(1, 201)))
    stock = Stock(database, request_.user_id)
    for number in range((await machine.stage(request_, 1)).chunk_count):
        await stock.apply(request_.operation_id, number)
    await stock.finish(request_.operation_id)
    again = await _begun(database, request_.user_id)
    changed = "content_hash = content_hash + 1"
    for number in range(1, 31):
        await stock.edit(changed, 10 * number)
    with killed_after(1):
        await machine.stage(again, 1)
    assert await _rows(database, again.operation_id) == [10, 10]
    # Chunks of another stock would leave a gap here.
    for number in range(1, 21):
        await stock.edit("content_hash = content_hash - 1", 10 * number)
    manifest = await machine.stage(again, 2)
    assert (manifest.chunk_count, await _rows(database, again.operation_id)) == (1, [200])
    counters = await stock.apply(again.operation_id, 0)
    assert (counters.rows, counters.unchanged, counters.updated) == (200, 190, 10)


async def test_an_export_by_expansion_goes_on_where_it_broke_off(
    database: Database, vault: Vault, request_: StageExport, tmp_path: Path
) -> None:
    exports = FlakyExpansions(2, 3, 99)
    machine = Machine(database, vault, tmp_path, exports)
    by_expansion = request_.model_copy(update={"strategy": "by_expansion"})
    for attempt in (1, 2):
        with pytest.raises(ExportTruncated):
            await machine.stage(by_expansion, attempt)
    assert (await machine.stage(by_expansion, 3)).product_count == 6
    assert exports.asked == [1, 2, 3, 4, 5, "null"]


async def test_folders_of_ended_syncs_are_swept_and_those_of_running_ones_kept(
    database: Database, vault: Vault, request_: StageExport, tmp_path: Path
) -> None:
    ended, unknown = await _opened(database, vault), uuid4()
    async with database.begin() as connection:
        await operations.close(connection, ended.operation_id, "failed")
    area = StagingArea(tmp_path)
    for operation_id in (request_.operation_id, ended.operation_id, unknown):
        area.workspace(operation_id, "full", 1).begin("download")
    await Leftovers(database, area).sweep()
    assert area.operations() == {request_.operation_id}


async def test_staging_sweeps_first_even_for_a_sync_that_has_ended(
    database: Database, vault: Vault, request_: StageExport, tmp_path: Path
) -> None:
    machine = Machine(database, vault, tmp_path, FakeExports())
    machine.area.workspace(request_.operation_id, "full", 1).begin("download")
    async with database.begin() as connection:
        await operations.close(connection, request_.operation_id, "cancelled")
    with pytest.raises(OperationClosed):
        await machine.stage(request_, 2)
    assert not machine.area.operations()


async def test_a_worker_starts_before_its_database(tmp_path: Path) -> None:
    area = StagingArea(tmp_path)
    area.workspace(uuid4(), "full", 1).begin("download")
    nowhere = Database.connect("postgresql+asyncpg://brx@127.0.0.1:9/none")
    await Leftovers(nowhere, area).sweep_at_start()
    await nowhere.close()
    assert area.operations()
