"""The schema of a test database."""

from __future__ import annotations

import asyncio

from db.migrate import upgrade


async def migrate(database_url: str) -> None:
    """Bring a database to the newest revision. In a thread, because Alembic may run an event loop of its own."""
    await asyncio.to_thread(upgrade, database_url)
