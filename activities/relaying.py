"""What a worker of the high-priority queue does beside it: it repeats what was committed and not told to Temporal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from temporalio.client import Client

from activities.bridge.relay import relaying_batches
from activities.cards.purchase_relay import relaying_purchases
from activities.cards.relay import relaying
from activities.cards.sync_relay import relaying_syncs
from activities.marketplace.relay import relaying_callbacks
from activities.store.relay import relaying_stores
from settings import Settings
from workflows.cards.poking import poke_account
from workflows.cards.purchasing import start_purchase
from workflows.store.poking import poke_store

_CALL: Final = timedelta(seconds=5)


@asynccontextmanager
async def relaying_all(settings: Settings, client: Client) -> AsyncIterator[None]:
    """The relays of every context, while the block runs."""
    url = settings.database_url
    poke = partial(poke_account, client, timeout=_CALL)
    poke_changes = partial(poke, matter="changes") if settings.cardtrader_writes_enabled else None
    async with AsyncExitStack() as relays:
        await relays.enter_async_context(relaying(url, poke, poke_changes))
        await relays.enter_async_context(relaying_purchases(url, partial(start_purchase, client, timeout=_CALL)))
        await relays.enter_async_context(relaying_callbacks(url, client))
        await relays.enter_async_context(relaying_batches(url, client))
        await relays.enter_async_context(relaying_syncs(url, client))
        if settings.central_api_base_url:
            await relays.enter_async_context(relaying_stores(url, partial(poke_store, client, timeout=_CALL)))
        yield
