"""What CardTrader shows of blueprints: asked for one by one or, where they are many, picked out of one whole export.

An answer counts only if it is whole and well-formed: what a part of one lacks may be on sale all the same.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np

from clients.cardtrader import CardTraderClient
from clients.cardtrader.errors import Unavailable
from db.cards import stock
from db.session import Database
from domain.cards.chunks import KEY, Blueprints, Keys
from domain.cards.export_json import ArraySplitter, ExportRejected
from domain.cards.products import BadProduct, Product, keys_of, read_keys, read_products

MOST_REQUESTS: Final = 60
"""Never more cheaply done by one export, however small the stock."""
_PRODUCTS_PER_REQUEST: Final = 1_000
_IN_GROUP: Final = 300
_READ_BYTES: Final = 2**20


@dataclass(frozen=True)
class Shown:
    """Everything on sale of some blueprints: keys of dtype `KEY`, and the products as JSON, in the same order."""

    blueprints: Blueprints
    keys: Keys
    data: bytes

    async def json(self) -> bytes:
        """The JSON array."""
        return self.data

    def products(self, ids: Collection[int] | None = None) -> list[Product | BadProduct]:
        """The products with these ids, or all."""
        chosen = np.arange(len(self.keys)) if ids is None else np.flatnonzero(np.isin(self.keys["product"], list(ids)))
        return read_products(self.data, chosen.tolist())


async def one_blueprint(client: CardTraderClient, blueprint_id: int) -> Shown:
    """Ask for one; once more when CardTrader stumbles. Raises what the client raises, or `ExportRejected`."""
    with tempfile.TemporaryDirectory(prefix="brx-reread-") as directory:
        path = Path(directory) / "export.json"
        try:
            await client.download_export(path, blueprint_id=blueprint_id)
        except Unavailable:
            # Of hundreds in a row some meet a 5xx; each would cost the activity's attempt, and its growing pause.
            await client.download_export(path, blueprint_id=blueprint_id)
        data = await asyncio.to_thread(path.read_bytes)
    return Shown((blueprint_id,), read_keys(data), data)


async def by_export(client: CardTraderClient, blueprints: Sequence[int]) -> AsyncIterator[Shown]:
    """Pick many out of one export, some hundred at a time. Raises what the client raises, or `ExportRejected`."""
    with tempfile.TemporaryDirectory(prefix="brx-reread-") as directory:
        path = Path(directory) / "export.json"
        await client.download_export(path)
        keys, raws = await asyncio.to_thread(_pick, path, blueprints)
    for start in range(0, len(blueprints), _IN_GROUP):
        group = tuple(blueprints[start : start + _IN_GROUP])
        positions = np.flatnonzero(np.isin(keys["blueprint"], group))
        yield Shown(group, keys[positions], b"[" + b",".join(raws[position] for position in positions) + b"]")


async def is_cheaper_by_export(database: Database, user_id: UUID, blueprints: int) -> bool:
    """Whether so many requests, twenty a second, take longer than an export of the whole stock."""
    if blueprints <= MOST_REQUESTS:
        return False
    async with database.begin() as connection:
        return not await stock.has_more_than(connection, user_id, blueprints * _PRODUCTS_PER_REQUEST)


async def shown(
    database: Database, client: CardTraderClient, user_id: UUID, blueprints: Sequence[int]
) -> AsyncIterator[Shown]:
    """What is on sale of these blueprints, in the cheaper way."""
    if await is_cheaper_by_export(database, user_id, len(blueprints)):
        async for group in by_export(client, blueprints):
            yield group
        return
    for blueprint_id in blueprints:
        yield await one_blueprint(client, blueprint_id)


def _pick(path: Path, blueprints: Sequence[int]) -> tuple[Keys, list[bytes]]:
    """Rows of these blueprints in an export; all of it is read and must be well-formed. Blocking."""
    splitter, keys, raws = ArraySplitter(), [np.empty(0, dtype=KEY)], list[bytes]()
    with path.open("rb") as file:
        while True:
            data = file.read(_READ_BYTES)
            items = splitter.feed(data) if data else splitter.close()
            found = keys_of(items)
            chosen = np.flatnonzero(np.isin(found["blueprint"], blueprints))
            keys.append(found[chosen])
            raws += [bytes(items.raws[position]) for position in chosen]
            if not data:
                break
    picked = np.concatenate(keys)
    if len(np.unique(picked["product"])) != len(picked):
        raise ExportRejected("the export lists a product twice")
    return picked, raws
