"""Tells webhooks how a batch goes, in the transaction that makes it so.

The organisation is `bridge:{source system}`, for which operators register. A dry run tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.batches import Work
from db.marketplace import outbox
from domain.marketplace.events import Event, EventName

ORGANIZATION: Final = "bridge:{source}"


async def announce(
    connection: AsyncConnection, name: EventName, work: Work, data: Mapping[str, str | int | None] | None = None
) -> None:
    """Told once per batch, however often it is noted."""
    if work.dry_run:
        return
    told = {"source": "bridge", "batchUid": str(work.uid), "entity": work.scope.entity_name, **(data or {})}
    organization = ORGANIZATION.format(source=work.scope.source_system)
    await outbox.record(connection, Event(name, organization, f"bridge:{work.uid}:{name}", told))
