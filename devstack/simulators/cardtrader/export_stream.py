"""`GET /products/export` as a stream: ready-made gzip pieces, or plain text for clients that do not take gzip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

import numpy as np
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from .blueprints import expansion
from .errors import StandardError
from .export import array_of
from .export_faults import Chunk, cut_connection, cut_json, distorted, slowed
from .faults import ExportFault, FaultSpec
from .gate import BASE, json_response
from .gzip_splice import Piece, splice, stored
from .market import Market
from .seller import Seller
from .stock import Rows

_JSON = "application/json; charset=utf-8"


def export_response(request: Request, seller: Seller, market: Market) -> Response:
    """The stock, filtered by `blueprint_id` and `expansion_id` ("null" for products without), as faults let it be."""
    path = request.url.path.removeprefix(BASE) + (f"?{request.url.query}" if request.url.query else "")

    def fault(kind: ExportFault) -> FaultSpec | None:
        return market.faults.take(kind, "GET", path)

    if fault("non_array"):
        return json_response({"status": "processing", "products": None})
    expansion_id = request.query_params.get("expansion_id", "")
    if _is_sealed(expansion_id) and (failure := fault("sealed_expansions_failing")):
        raise StandardError(failure.status, "internal_error", "Something went wrong")
    rows = _selected(seller, request.query_params.get("blueprint_id"), expansion_id)
    distortion = fault("poisoned") or fault("duplicate_rows")
    pieces = [stored(b"[]")] if fault("empty") else array_of(_blocks(seller, rows, distortion))
    return _stream(request, pieces, fault("truncated"), fault("slow"))


def _selected(seller: Seller, blueprint_id: str | None, expansion_id: str) -> Rows | None:
    """Rows asked for, None for all."""
    stock, chosen = seller.stock, None
    if blueprint_id is not None:
        chosen = stock.rows_where("blueprint", int(blueprint_id) if blueprint_id.isdigit() else -1)
    if expansion_id:
        number = 0 if expansion_id == "null" else int(expansion_id) if expansion_id.isdigit() else -1
        inside = stock.rows_where("expansion", number)
        chosen = inside if chosen is None else np.intersect1d(chosen, inside)
    return chosen


def _blocks(seller: Seller, rows: Rows | None, distortion: FaultSpec | None) -> Iterable[Piece]:
    if rows is not None:
        return (seller.store.subset(rows[start : start + 5000]) for start in range(0, len(rows), 5000))
    if distortion:
        return distorted(seller.store, seller.stock.blocks, distortion)
    return seller.store.pieces()


def _stream(
    request: Request, pieces: Iterable[Piece], truncated: FaultSpec | None, slow: FaultSpec | None
) -> StreamingResponse:
    is_gzip = "gzip" in request.headers.get("accept-encoding", "")
    if truncated and truncated.clean:
        pieces = cut_json(pieces, truncated.at_byte)
    chunks = _paced(splice(pieces) if is_gzip else (piece.raw for piece in pieces))
    if truncated and not truncated.clean:
        chunks = cut_connection(chunks, truncated.at_byte)
    if slow:
        chunks = slowed(chunks, slow)
    return StreamingResponse(chunks, 200, {"Content-Encoding": "gzip"} if is_gzip else None, _JSON)


async def _paced(chunks: Iterator[Chunk]) -> AsyncIterator[Chunk]:
    """Lets other requests in between blocks, some of which are rendered on the way."""
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)


def _is_sealed(expansion_id: str) -> bool:
    return expansion_id.isdigit() and int(expansion_id) >= 100 and expansion(int(expansion_id)).is_sealed
