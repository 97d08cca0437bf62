"""Reads contested rows again, blueprint by blueprint, and merges what CardTrader says now.

Idempotent: each blueprint is one transaction that repeats the merge; a retry goes on after the last heartbeat.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import structlog
from temporalio import activity

from activities.cards.errors import AccountNotLinked, OperationClosed
from activities.cards.merging import Incoming, merge
from activities.support import postponing
from clients.cardtrader import CardTrader, CardTraderClient
from clients.cardtrader.errors import NotFound, Refused
from clients.catalog import Catalog
from db.cards import lifecycle, sellers, staging, stock
from db.session import Database
from db.vault import Vault
from domain.cards.chunks import Bound, KeyRange, Keys
from domain.cards.products import read_keys
from workflows.cards.contracts import Manifest, OperationRef, Reread

# One request each: what is left over waits for the next sync.
_MOST_BLUEPRINTS = 5_000
_log = structlog.get_logger(__name__)


class ContestedReread:
    """Settles the rows that a bulk sync had to leave alone."""

    def __init__(self, database: Database, vault: Vault, cardtrader: CardTrader, catalog: Catalog) -> None:
        self._database = database
        self._vault = vault
        self._cardtrader = cardtrader
        self._catalog = catalog

    @activity.defn
    async def reread_contested(self, ref: OperationRef) -> Reread:
        """Re-read the blueprints whose rows the export could not settle; answers how many."""
        details = activity.info().heartbeat_details
        after = int(details[0]) if details else -1
        blueprints = await self._blueprints(ref)
        if not blueprints:
            return Reread()
        client = await self._client(ref)
        with postponing():
            for blueprint_id in (number for number in blueprints if number > after):
                try:
                    await self._reread(client, ref, blueprint_id)
                except (NotFound, Refused) as error:
                    # Asking again would be answered the same; the rows stay as they are, for the next sync.
                    _log.warning("reread.refused", blueprint_id=blueprint_id, reason=type(error).__name__)
                activity.heartbeat(blueprint_id)
        return Reread(blueprints=len(blueprints))

    async def _blueprints(self, ref: OperationRef) -> list[int]:
        async with self._database.begin() as connection:
            current = await lifecycle.operation(connection, ref.operation_id)
            if current is None or current.status != "running":
                raise OperationClosed
            await lifecycle.note(connection, ref.operation_id, {"phase": "finishing"})
            manifest = Manifest.model_validate(current.operation_metadata["manifest"])
            return await staging.to_read_again(
                connection, ref.user_id, ref.operation_id, and_missing=not manifest.complete, most=_MOST_BLUEPRINTS
            )

    async def _client(self, ref: OperationRef) -> CardTraderClient:
        async with self._database.begin() as connection:
            seller = await sellers.find(connection, ref.user_id)
        token = self._vault.decrypt(seller.cardtrader_token_encrypted) if seller else ""
        if not token:
            raise AccountNotLinked
        return self._cardtrader.for_token(token)

    async def _reread(self, client: CardTraderClient, ref: OperationRef, blueprint_id: int) -> None:
        async with self._database.begin() as connection:
            began = await lifecycle.now(connection)
        keys, data = await _download(client, blueprint_id)

        async def json() -> bytes:
            return data

        snapshot = await self._catalog.snapshot()
        range_ = KeyRange(Bound(blueprint_id, 0), Bound(blueprint_id + 1, 0))
        stamp = stock.MergeStamp(ref.user_id, ref.operation_id, began, settles=True)
        async with self._database.begin() as connection:
            current = await lifecycle.operation(connection, ref.operation_id, lock=True)
            if current is None or current.status != "running":
                raise OperationClosed
            merged = await merge(connection, stamp, Incoming(keys, range_, json), snapshot)
            await stock.retire(connection, merged.missing_items, began)


async def _download(client: CardTraderClient, blueprint_id: int) -> tuple[Keys, bytes]:
    """Keys of the blueprint's rows, and their JSON array. Small: one blueprint's products."""
    with tempfile.TemporaryDirectory(prefix="brx-reread-") as directory:
        path = Path(directory) / "export.json"
        await client.download_export(path, blueprint_id=blueprint_id)
        data = await asyncio.to_thread(path.read_bytes)
    return read_keys(data), data
