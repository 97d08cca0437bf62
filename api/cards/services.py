"""What the routes of `cards` work with beside what every context has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote
from uuid import UUID

from api.cards.account_work import AccountWork
from api.cards.change_room import ChangeRoom
from api.cards.purchase_runs import PurchaseRuns
from api.cards.senders import Senders
from api.cards.signalling import AccountSignals
from api.cards.signatures import Signatures
from api.cards.syncs import BulkSyncs
from api.cards.verification import AccountVerifier, CardTraderVerifier
from api.connections import Connections
from api.services import Services
from api.temporal import CALL
from clients.cardtrader import CardTrader
from clients.token_bucket import TokenBucket
from db.cards import purchases
from db.notices import Notices
from db.session import Database
from settings import Settings
from workflows.cards.contracts import bulk_sync_id
from workflows.cards.poking import poke_account


@dataclass(frozen=True, kw_only=True)
class CardsServices(Services):
    """Dependencies of every route of `cards`."""

    verifier: AccountVerifier
    syncs: BulkSyncs
    accounts: AccountWork
    purchases: PurchaseRuns
    signals: AccountSignals
    signatures: Signatures
    limiter: TokenBucket
    writes_enabled: bool = True
    senders: Senders = field(default_factory=Senders)
    change_room: ChangeRoom = field(default_factory=ChangeRoom)
    stream_interval: float = 1.0
    workflow_pages: str = ""

    def sync_page(self, user_id: UUID) -> str | None:
        """Where the Temporal Web UI shows a seller's syncs; None when nobody said where that is."""
        return f"{self.workflow_pages}/{quote(bulk_sync_id(user_id), safe='')}" if self.workflow_pages else None


@asynccontextmanager
async def open_cards(settings: Settings, connections: Connections) -> AsyncIterator[CardsServices]:
    """The services, over connections that stay open longer than they."""
    temporal = connections.temporal
    cardtrader = CardTrader.limited(
        connections.http,
        connections.redis,
        settings.cardtrader_api_base_url,
        limit=settings.rate_limit_requests,
        window=settings.rate_limit_window_seconds,
        burst=settings.rate_limit_burst,
        measures=connections.measures,
    )
    async with AsyncExitStack() as stack:
        signals = await stack.enter_async_context(
            AccountSignals(partial(poke_account, temporal, timeout=CALL)).running()
        )
        listening = Database.connect(settings.database_url, pool_size=1, max_overflow=0)
        stack.push_async_callback(listening.close)
        ends = await stack.enter_async_context(Notices(listening, purchases.ENDED).running())
        yield CardsServices(
            **vars(connections.services),
            verifier=CardTraderVerifier(cardtrader),
            syncs=BulkSyncs(temporal),
            accounts=AccountWork(temporal),
            purchases=PurchaseRuns(temporal, ends),
            signals=signals,
            signatures=Signatures(connections.services.vault),
            limiter=cardtrader.bucket,
            writes_enabled=settings.cardtrader_writes_enabled,
            change_room=ChangeRoom(settings.changes_most_open),
            workflow_pages=_workflow_pages(settings),
        )


def _workflow_pages(settings: Settings) -> str:
    base = settings.temporal_ui_url.rstrip("/")
    return base and f"{base}/namespaces/{quote(settings.temporal_namespace, safe='')}/workflows"
