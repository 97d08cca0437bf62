"""Every activity of the `marketplace` context with its dependencies, by the queue it is called on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from activities.connections import Connections
from activities.marketplace.delivering import Callbacks
from activities.marketplace.importing import OrderImports
from activities.marketplace.sweeping import OrderSweeps
from activities.support import Activities
from clients.callbacks import Guard, Poster
from clients.circuit_breaker import CircuitBreaker
from clients.marketplace import Account, Validation, adapters
from clients.token_bucket import TokenBucket
from domain.marketplace.delivery import parse_schedule
from domain.marketplace.receipts import Patience
from settings import Settings
from workflows import task_queues
from workflows.marketplace.starting import start_store_orders
from workflows.task_queues import TaskQueue

_CALL: Final = timedelta(seconds=10)
_BURST_SHARE: Final = 10


@asynccontextmanager
async def open_marketplace(settings: Settings, connections: Connections) -> AsyncIterator[dict[TaskQueue, Activities]]:
    """The activities, over connections that stay open longer than they."""
    database = connections.database
    imports = OrderImports(
        database, adapters(validation(settings, connections)), patience(settings), batch=settings.sync_chunk_size
    )
    start = partial(start_store_orders, connections.temporal, timeout=_CALL)
    sweeps = OrderSweeps(database, start, retention=timedelta(days=settings.callback_retention_days))
    guard = Guard(allow_loopback=settings.callback_allow_loopback)
    poster = Poster(guard, timeout=settings.callback_timeout_seconds)
    breaker = CircuitBreaker(connections.redis, name="callbacks", measures=connections.measures)
    callbacks = Callbacks(
        database, connections.vault, poster, breaker, parse_schedule(settings.callback_retry_schedule)
    )
    try:
        yield {
            task_queues.HIGH_PRIORITY: [imports.import_receipt],
            task_queues.DEFAULT: [
                imports.import_batch,
                imports.end_store_orders,
                sweeps.sweep_stores,
                callbacks.deliver_event,
                callbacks.replay_page,
                callbacks.stop_replay,
            ],
        }
    finally:
        await poster.close()


def validation(settings: Settings, connections: Connections) -> Validation:
    """The mock marketplaces under their accounts' limits."""
    limit = settings.marketplace_rate_limit_requests
    accounts = {
        name: Account(user, password.get_secret_value())
        for name, (user, password) in settings.marketplace_accounts.items()
    }
    bucket = TokenBucket(
        connections.redis,
        limit,
        settings.marketplace_rate_limit_window_seconds,
        max(1, limit // _BURST_SHARE),
        name="marketplace",
        max_sleep=5.0,
        measures=connections.measures,
    )
    return Validation(connections.http, f"{settings.mock_api_base_url.rstrip('/')}/mock", accounts, bucket)


def patience(settings: Settings) -> Patience:
    """How often and when receipts are tried again."""
    return Patience(parse_schedule(settings.receipt_retry_schedule), settings.receipt_most_attempts)
