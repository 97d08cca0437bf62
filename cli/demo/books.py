"""Two sets of books and their difference: our stock in PostgreSQL, and the simulator's own."""

from __future__ import annotations

import io
from typing import Final
from uuid import UUID

import asyncpg
import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from cli.demo.figures import Changes, Drift, LimitUse

Stock = NDArray[np.void]

_FIELDS: Final = (("id", "i8"), ("blueprint_id", "i8"), ("quantity", "i4"), ("price_cents", "i4"))
_ROW: Final = np.dtype([(name, f"<{kind}") for name, kind in _FIELDS])
# PostgreSQL's binary COPY: a header, per row a count and per field a length, everything big-endian.
_COPIED: Final = np.dtype(
    [("fields", ">i2")] + [part for name, kind in _FIELDS for part in ((f"{name}_length", ">i4"), (name, f">{kind}"))]
)
_COPY_HEADER_BYTES: Final = 19
_COPY_TRAILER_BYTES: Final = 2
_LOCAL_STOCK: Final = """
SELECT external_stock_id::bigint, blueprint_id::bigint, quantity, price_cents
FROM user_inventory_items
WHERE user_id = $1 AND NOT (quantity = 0 AND stale_since IS NOT NULL)
"""
_LIMITS: Final = TypeAdapter(dict[str, LimitUse])


class Simulator:
    """The control API of the simulated CardTrader."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def stock(self) -> Stock:
        """Everything on sale: id, blueprint_id, quantity, price_cents."""
        body = self._http.get("/control/stock").raise_for_status().content
        truth: Stock = np.load(io.BytesIO(body), allow_pickle=False)
        return truth

    def change(self, fraction_changed: float, fraction_gone: float, seed: int) -> Changes:
        """Change a random part of the stock, and take another part off sale."""
        wanted = {"fraction_changed": fraction_changed, "fraction_gone": fraction_gone, "seed": seed}
        changes = self._http.post("/control/change", json=wanted).raise_for_status().content
        # Rendering the changed stock is the simulator's work; it must not count as time of the sync.
        self._http.post("/control/prepare").raise_for_status()
        return Changes.model_validate_json(changes)

    def limit_use(self) -> LimitUse:
        """How the one seller's limit was used."""
        uses = _LIMITS.validate_json(self._http.get("/control/limits").raise_for_status().content)
        return max(uses.values(), key=lambda use: use.requests, default=LimitUse())


async def local_stock(database_url: str, user_id: UUID) -> Stock:
    """What we hold of a seller, in the simulator's form."""
    copied = io.BytesIO()
    connection = await asyncpg.connect(database_url.replace("+asyncpg", "", 1))
    try:
        await connection.copy_from_query(_LOCAL_STOCK, user_id, output=copied, format="binary")
    finally:
        await connection.close()
    return decode_copy(copied.getvalue())


def decode_copy(copied: bytes) -> Stock:
    """Rows of a binary COPY of the four columns, none of them NULL."""
    rows = np.frombuffer(copied[_COPY_HEADER_BYTES:-_COPY_TRAILER_BYTES], _COPIED)
    stock = np.empty(len(rows), _ROW)
    for name, _ in _FIELDS:
        stock[name] = rows[name]
    return stock


def compare(ours: Stock, theirs: Stock) -> Drift:
    """Product by product; the rows of a product differ when any field does."""
    _, left, right = np.intersect1d(ours["id"], theirs["id"], return_indices=True)
    return Drift(
        missing=len(theirs) - len(right),
        extra=len(ours) - len(left),
        different=int((ours[left] != theirs[right]).sum()),
    )
