"""The chunks of an export that need no merge, as text that fits into a message.

The text is a hexadecimal number whose bit n stands for chunk n; an empty one settles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

MOST_CHUNKS: Final = 100_000
"""Chunk numbers from here on have no bit; such chunks are merged, which finds them settled."""
MOST_CHARACTERS: Final = MOST_CHUNKS // 4


def encode(numbers: Iterable[int]) -> str:
    """Text of at most `MOST_CHARACTERS`. Raises `ValueError` for a number without a bit."""
    bits = bytearray()
    for number in numbers:
        if not 0 <= number < MOST_CHUNKS:
            raise ValueError(f"chunk {number} has no bit")
        place, bit = divmod(number, 8)
        bits.extend(bytes(max(0, place + 1 - len(bits))))
        bits[place] |= 1 << bit
    return bits[::-1].hex()


def unsettled(settled: str, first: int, count: int) -> Iterator[int]:
    """The chunks from `first` on, of `count` chunks in all, that are still to be merged, ascending."""
    bits = int(settled or "0", 16)
    return (number for number in range(first, count) if not bits >> number & 1)


def settled_count(settled: str) -> int:
    """How many chunks the text settles."""
    return int(settled or "0", 16).bit_count()
