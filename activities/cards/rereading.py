"""Reads blueprints again and merges what CardTrader says now.

Idempotent: each blueprint (or, out of an export, each group of them) is one transaction that repeats the merge; a
retry goes on after the last blueprint it asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards.errors import AccountNotLinked
from activities.cards.merging import Incoming, merge
from activities.cards.showing import Shown, by_export, one_blueprint
from activities.support import beating, postponing
from clients.cardtrader import CardTrader, CardTraderClient
from clients.cardtrader.errors import MalformedAnswer, NotFound, Refused
from clients.catalog import Catalog
from clients.token_bucket import Klass
from db.cards import lifecycle, sellers, stock
from db.session import Database
from db.vault import Vault
from domain.cards.chunks import Bound, KeyRange
from domain.cards.export_json import ExportRejected

# A blueprint whose answer stays unusable must not keep the others waiting.
_MALFORMED_ATTEMPTS = 5
_log = structlog.get_logger(__name__)

Fence = Callable[[AsyncConnection], Awaitable[None]]
"""Raises, inside the transaction of a merge, when nothing may be merged any more."""
Witness = Callable[[AsyncConnection, Shown], Awaitable[None]]
"""Is told, inside the transaction of a merge, what CardTrader shows."""


async def unfenced(connection: AsyncConnection) -> None:
    """Always allowed."""


async def unwitnessed(connection: AsyncConnection, shown: Shown) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Rereading:
    """For whom, in whose name, and how urgently; whether many are taken out of one export."""

    user_id: UUID
    operation_id: UUID
    klass: Klass = "bulk"
    fence: Fence = unfenced
    witness: Witness = unwitnessed
    by_export: bool = False


class BlueprintReader:
    """Settles rows that nothing else may overwrite: a targeted answer is newer than what made them uncertain."""

    def __init__(self, database: Database, vault: Vault, cardtrader: CardTrader, catalog: Catalog) -> None:
        self._database = database
        self._vault = vault
        self._cardtrader = cardtrader
        self._catalog = catalog

    @property
    def vault(self) -> Vault:
        """What opens the accounts' secrets."""
        return self._vault

    async def read_again(self, reading: Rereading, blueprints: Sequence[int]) -> None:
        """Settle every blueprint (ascending). Raises `AccountNotLinked`, CardTrader's, limiter or database errors."""
        client = await self.client(reading.user_id, reading.klass)
        with postponing():
            if reading.by_export:
                await self._read_export(client, reading, blueprints)
            else:
                await self._read_each(client, reading, blueprints)

    async def client(self, user_id: UUID, klass: Klass) -> CardTraderClient:
        """The client of the account. Raises `AccountNotLinked`."""
        async with self._database.begin() as connection:
            seller = await sellers.find(connection, user_id)
        token = self._vault.decrypt(seller.cardtrader_token_encrypted) if seller else ""
        if not token:
            raise AccountNotLinked
        return self._cardtrader.for_token(token, klass)

    async def _read_each(self, client: CardTraderClient, reading: Rereading, blueprints: Sequence[int]) -> None:
        after = _last_asked()
        for blueprint_id in (number for number in blueprints if number > after):
            try:
                began = await self._now()
                await self._merge(reading, began, await one_blueprint(client, blueprint_id))
            except (NotFound, Refused, MalformedAnswer, ExportRejected) as error:
                if not _is_final(error):
                    raise
                # Asking again would be answered the same; the rows stay as they are, for the next sync.
                _log.warning("reread.refused", blueprint_id=blueprint_id, reason=type(error).__name__)
            activity.heartbeat(blueprint_id)

    async def _read_export(self, client: CardTraderClient, reading: Rereading, blueprints: Sequence[int]) -> None:
        began = await self._now()
        async with beating():
            async for group in by_export(client, blueprints):
                await self._merge(reading, began, group)

    async def _now(self) -> datetime:
        async with self._database.begin() as connection:
            return await lifecycle.now(connection)

    async def _merge(self, reading: Rereading, began: datetime, shown: Shown) -> None:
        snapshot = await self._catalog.snapshot()
        stamp = stock.MergeStamp(reading.user_id, reading.operation_id, began, settles=True)
        incoming = Incoming(shown.keys, _scope(shown), shown.json)
        async with self._database.begin() as connection:
            await reading.fence(connection)
            merged = await merge(connection, stamp, incoming, snapshot)
            await stock.retire(connection, merged.missing_items, began)
            await reading.witness(connection, shown)


def _scope(shown: Shown) -> KeyRange | tuple[int, ...]:
    if len(shown.blueprints) > 1:
        return shown.blueprints
    (number,) = shown.blueprints
    return KeyRange(Bound(number, 0), Bound(number + 1, 0))


def _last_asked() -> int:
    """The blueprint that an earlier attempt asked for last; one that read an export leaves other details."""
    details = activity.info().heartbeat_details
    return details[0] if details and isinstance(details[0], int) else -1


def _is_final(error: Exception) -> bool:
    return isinstance(error, NotFound | Refused) or activity.info().attempt >= _MALFORMED_ATTEMPTS
