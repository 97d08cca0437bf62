"""What faults do to an export: to its rows, to its end, to its pace."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from .errors import ConnectionDropped
from .export import BlockStore, pack
from .faults import Defect, FaultSpec
from .gzip_splice import Piece, compress

Chunk: TypeAlias = bytes | memoryview
_STEP: Final = 16_384


def distorted(store: BlockStore, blocks: int, fault: FaultSpec) -> Iterator[Piece]:
    """The blocks of an export in which some rows are repeated or poisoned."""
    rng = random.Random(fault.seed)
    hit = Counter(rng.randrange(blocks) for _ in range(fault.rows)) if blocks else Counter[int]()
    for number in range(blocks):
        yield _distort(store, number, hit[number], fault, rng) if hit[number] else store.piece(number)


def _distort(store: BlockStore, number: int, times: int, fault: FaultSpec, rng: random.Random) -> Piece:
    rows = store.rows(number)
    for index in rng.sample(range(len(rows)), min(times, len(rows))):
        if fault.kind == "duplicate_rows":
            rows.append(rows[index])
        else:
            rows[index] = poison(rows[index], rng.choice(fault.defects))
    return pack(rows)


def poison(row: str, defect: Defect) -> str:
    """A product with something wrong in it."""
    product = msgspec.json.decode(row, type=dict[str, object])
    match defect:
        case "negative_quantity":
            product["quantity"] = -3
        case "missing_quantity":
            del product["quantity"]
        case "missing_price":
            del product["price_cents"]
        case "properties_not_object":
            product["properties_hash"] = "Near Mint"
        case "blueprint_null":
            product["blueprint_id"] = None
        case "missing_id":
            del product["id"]
    return msgspec.json.encode(product).decode()


def cut_json(pieces: Iterable[Piece], at_byte: int) -> Iterator[Piece]:
    """The pieces up to that byte of the JSON text."""
    left = at_byte
    for piece in pieces:
        if piece.length > left:
            yield compress(piece.raw[:left])
            return
        left -= piece.length
        yield piece


async def cut_connection(chunks: AsyncIterator[Chunk], at_byte: int) -> AsyncIterator[Chunk]:
    """The bytes on the wire up to that one, then an end of the connection."""
    left = at_byte
    async for chunk in chunks:
        if len(chunk) > left:
            yield chunk[:left]
            raise ConnectionDropped
        left -= len(chunk)
        yield chunk
    raise ConnectionDropped


async def slowed(chunks: AsyncIterator[Chunk], fault: FaultSpec) -> AsyncIterator[Chunk]:
    """The same bytes at a slower pace, with one stall."""
    sent, stalls = 0, fault.seconds > 0
    async for chunk in chunks:
        for start in range(0, len(chunk), _STEP):
            if stalls and sent + _STEP > fault.at_byte:
                stalls = False
                await asyncio.sleep(fault.seconds)
            part = chunk[start : start + _STEP]
            yield part
            sent += len(part)
            if fault.bytes_per_second:
                await asyncio.sleep(len(part) / fault.bytes_per_second)
