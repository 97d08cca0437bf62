"""What the routes of `marketplace` work with beside what every context has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowFailureError

from api.connections import Connections
from api.errors import TemporalUnavailable
from api.services import Services
from api.temporal import CALL, temporal_faults
from clients.callbacks import Guard
from db.marketplace.receipts import Receipt
from domain.marketplace.mock import Credentials
from settings import Settings
from workflows.marketplace.contracts import ReceiptRef
from workflows.marketplace.starting import start_order_import, start_replay

_PATIENCE: Final = 15.0

StartReplay = Callable[[UUID, str], Awaitable[object]]


class ImportRuns:
    """The workflows of imports. What is registered is in the database: the sweep takes up what could not be started."""

    def __init__(self, client: Client, *, patience: float = _PATIENCE) -> None:
        self._client, self._patience = client, patience

    async def ended(self, receipt: Receipt) -> bool:
        """Start or join, and wait for the end; False when the caller should not wait any longer."""
        ref = ReceiptRef(store_id=receipt.store_id, log_id=receipt.id)
        try:
            async with asyncio.timeout(self._patience):
                with temporal_faults():
                    handle = await start_order_import(self._client, ref, receipt.receipt, timeout=CALL)
                    await handle.result()
        except (TimeoutError, TemporalUnavailable, WorkflowFailureError):
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class MarketplaceServices(Services):
    """Dependencies of every route of `marketplace`. `grace`: after it a new receipt is anybody's to import."""

    imports: ImportRuns
    guard: Guard
    start_replay: StartReplay
    secret_overlap: timedelta = timedelta(days=1)
    grace: timedelta = timedelta(seconds=60)
    mock_accounts: Mapping[str, Credentials] = field(default_factory=dict)


@asynccontextmanager
async def open_marketplace(settings: Settings, connections: Connections) -> AsyncIterator[MarketplaceServices]:
    """The services, over connections that stay open longer than they."""
    accounts = settings.marketplace_accounts
    yield MarketplaceServices(
        **vars(connections.services),
        imports=ImportRuns(connections.temporal),
        guard=Guard(allow_loopback=settings.callback_allow_loopback),
        start_replay=partial(start_replay, connections.temporal, timeout=CALL),
        secret_overlap=timedelta(hours=settings.callback_secret_overlap_hours),
        mock_accounts={name: Credentials(user, word.get_secret_value()) for name, (user, word) in accounts.items()},
    )
