"""Reads blueprints again, one by one, and merges what CardTrader says now.

Idempotent: each blueprint is one transaction that repeats the merge; a retry goes on after the last heartbeat.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards.errors import AccountNotLinked
from activities.cards.merging import Incoming, merge
from activities.support import postponing
from clients.cardtrader import CardTrader, CardTraderClient
from clients.cardtrader.errors import MalformedAnswer, NotFound, Refused
from clients.catalog import Catalog
from clients.token_bucket import Klass
from db.cards import lifecycle, sellers, stock
from db.session import Database
from db.vault import Vault
from domain.cards.chunks import Bound, KeyRange, Keys
from domain.cards.export_json import ExportRejected
from domain.cards.products import read_keys

# A blueprint whose answer stays unusable must not keep the others waiting.
_MALFORMED_ATTEMPTS = 5
_log = structlog.get_logger(__name__)

Fence = Callable[[AsyncConnection], Awaitable[None]]
"""Raises, inside the transaction of a merge, when nothing may be merged any more."""


async def unfenced(connection: AsyncConnection) -> None:
    """Always allowed."""


@dataclass(frozen=True)
class Rereading:
    """For whom, in whose name, and how urgently."""

    user_id: UUID
    operation_id: UUID
    klass: Klass = "bulk"
    fence: Fence = unfenced


class BlueprintReader:
    """Settles rows that nothing else may overwrite: a targeted answer is newer than what made them uncertain."""

    def __init__(self, database: Database, vault: Vault, cardtrader: CardTrader, catalog: Catalog) -> None:
        self._database = database
        self._vault = vault
        self._cardtrader = cardtrader
        self._catalog = catalog

    async def read_again(self, reading: Rereading, blueprints: Iterable[int]) -> None:
        """Settle every blueprint (ascending). Raises `AccountNotLinked`, CardTrader's, limiter or database errors."""
        details = activity.info().heartbeat_details
        after = int(details[0]) if details else -1
        client = await self._client(reading)
        with postponing():
            for blueprint_id in (number for number in blueprints if number > after):
                try:
                    await self._settle(client, reading, blueprint_id)
                except (NotFound, Refused, MalformedAnswer, ExportRejected) as error:
                    if not _is_final(error):
                        raise
                    # Asking again would be answered the same; the rows stay as they are, for the next sync.
                    _log.warning("reread.refused", blueprint_id=blueprint_id, reason=type(error).__name__)
                activity.heartbeat(blueprint_id)

    async def _client(self, reading: Rereading) -> CardTraderClient:
        async with self._database.begin() as connection:
            seller = await sellers.find(connection, reading.user_id)
        token = self._vault.decrypt(seller.cardtrader_token_encrypted) if seller else ""
        if not token:
            raise AccountNotLinked
        return self._cardtrader.for_token(token, reading.klass)

    async def _settle(self, client: CardTraderClient, reading: Rereading, blueprint_id: int) -> None:
        async with self._database.begin() as connection:
            began = await lifecycle.now(connection)
        keys, data = await _download(client, blueprint_id)

        async def json() -> bytes:
            return data

        snapshot = await self._catalog.snapshot()
        range_ = KeyRange(Bound(blueprint_id, 0), Bound(blueprint_id + 1, 0))
        stamp = stock.MergeStamp(reading.user_id, reading.operation_id, began, settles=True)
        async with self._database.begin() as connection:
            await reading.fence(connection)
            merged = await merge(connection, stamp, Incoming(keys, range_, json), snapshot)
            await stock.retire(connection, merged.missing_items, began)


def _is_final(error: Exception) -> bool:
    return isinstance(error, NotFound | Refused) or activity.info().attempt >= _MALFORMED_ATTEMPTS


async def _download(client: CardTraderClient, blueprint_id: int) -> tuple[Keys, bytes]:
    """Keys of the blueprint's rows, and their JSON array. Small: one blueprint's products."""
    with tempfile.TemporaryDirectory(prefix="brx-reread-") as directory:
        path = Path(directory) / "export.json"
        await client.download_export(path, blueprint_id=blueprint_id)
        data = await asyncio.to_thread(path.read_bytes)
    return read_keys(data), data
