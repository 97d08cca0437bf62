"""Downloads CardTrader's export to this machine's disk, or finds what an earlier attempt has downloaded.

Idempotent: parts appear when they are whole and are not asked for again; the first complete download is everyone's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from activities.cards.errors import AccountNotLinked
from activities.cards.staging_area import Download, Workspace, began_at
from activities.support import Beat
from clients.cardtrader import CardTrader, CardTraderClient
from clients.cardtrader.errors import NotFound, Refused
from db.cards import lifecycle, sellers
from db.session import Database
from db.vault import Vault
from workflows.cards.contracts import StageExport

Scope = int | Literal["null"] | None
"""Expansion to export; "null" are the products without one, None is everything."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at staging one export."""

    request: StageExport
    workspace: Workspace
    beat: Beat

    @property
    def name(self) -> str:
        """Tells it from every other attempt, also from those of another strategy."""
        return f"{self.request.strategy}-{self.workspace.attempt}"


class ExportDownloads:
    """Gets the exports of linked sellers."""

    def __init__(self, database: Database, vault: Vault, cardtrader: CardTrader) -> None:
        self._database = database
        self._vault = vault
        self._cardtrader = cardtrader

    async def of(self, attempt: Attempt) -> Download:
        """The complete download, from an earlier attempt on this machine or anew.

        Raises `AccountNotLinked`, or what the client raises.
        """
        if earlier := await asyncio.to_thread(attempt.workspace.published):
            return earlier
        folder = await asyncio.to_thread(attempt.workspace.resume)
        client = self._cardtrader.for_token(await self._token(attempt.request.user_id))
        async with self._database.begin() as connection:
            began = await asyncio.to_thread(began_at, folder, await lifecycle.now(connection))
        download = await self._fetch(client, attempt, folder, began)
        return await asyncio.to_thread(attempt.workspace.publish, folder, download)

    async def _token(self, user_id: UUID) -> str:
        async with self._database.begin() as connection:
            seller = await sellers.find(connection, user_id)
        token = self._vault.decrypt(seller.cardtrader_token_encrypted) if seller else ""
        if not token:
            raise AccountNotLinked
        return token

    async def _fetch(self, client: CardTraderClient, attempt: Attempt, folder: Path, began: datetime) -> Download:
        attempt.beat.phase = "downloading"
        if attempt.request.strategy == "full":
            await _fetch_one(client, attempt, None, folder / "export.json")
            return Download(began, complete=True, files=["export.json"])
        files = []
        for expansion in await client.expansions_export():
            files.append(f"export-{expansion.id}.json")
            await _fetch_one(client, attempt, expansion.id, folder / files[-1])
        complete = await _fetch_homeless(client, attempt, folder / "export-null.json")
        return Download(began, complete=complete, files=[*files, "export-null.json"] if complete else files)


async def _fetch_one(client: CardTraderClient, attempt: Attempt, scope: Scope, path: Path) -> None:
    """Download a part, unless an earlier attempt has: files appear when they are complete."""
    if await asyncio.to_thread(path.exists):
        return

    def progress(received: int) -> None:
        attempt.beat.done = received

    await client.download_export(path, expansion_id=scope, on_progress=progress)


async def _fetch_homeless(client: CardTraderClient, attempt: Attempt, path: Path) -> bool:
    """Products of no expansion. Where CardTrader will not list them, the export counts as incomplete."""
    try:
        await _fetch_one(client, attempt, "null", path)
    except (NotFound, Refused):
        return False
    return True
