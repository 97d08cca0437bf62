"""UUID version 7 (RFC 9562): ordered by time, so that rows that come together lie together."""

from __future__ import annotations

from typing import Final
from uuid import UUID

RANDOM_BITS: Final = 74
_VERSION: Final = 7
_VARIANT: Final = 0b10
_MOST_MILLISECONDS: Final = 2**48 - 1


def uuid7(milliseconds: int, random: int) -> UUID:
    """The id of that moment (since 1970) and of 74 random bits. Raises `ValueError` outside these."""
    if not 0 <= milliseconds <= _MOST_MILLISECONDS:
        raise ValueError("milliseconds must fit 48 bits")
    if not 0 <= random < 2**RANDOM_BITS:
        raise ValueError("random must fit 74 bits")
    high, low = random >> 62, random & (2**62 - 1)
    return UUID(int=milliseconds << 80 | _VERSION << 76 | high << 64 | _VARIANT << 62 | low)


def milliseconds_of(uuid: UUID) -> int:
    """The moment a version 7 id was made."""
    return uuid.int >> 80
