"""A proxy before PostgreSQL that delays every packet, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import URL


@asynccontextmanager
async def delaying(url: URL, *, seconds: float) -> AsyncIterator[str]:
    """The URL of the same database through the proxy, as long as the block runs."""
    pumps: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(url.host, url.port)
        for source, target in ((reader, there[1]), (there[0], writer)):
            pumps.add(asyncio.create_task(_pump(source, target, seconds)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    finally:
        server.close()
        await asyncio.gather(*pumps)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float) -> None:
    with suppress(ConnectionError):
        while packet := await source.read(65536):
            await asyncio.sleep(seconds)
            target.write(packet)
    target.close()
