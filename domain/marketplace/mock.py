"""The mock marketplaces' rules, as their predecessor answered (its vectors are the tests')."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["rate_limited", "success", "failure"]

MARKETPLACES: Final = ("etsy", "shopify", "amazon")
_DIGITS: Final = "0123456789"
_LIMIT_DIVISOR: Final = 6
_PARTS: Final = ((1, 8), (2, 4), (3, 4), (4, 4), (5, 12))


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of one mock marketplace; both empty when it is not configured."""

    user: str
    password: str


def verdict(receipt: str) -> Verdict:
    """By its last two characters; the limit comes first, so that such a receipt never succeeds."""
    tail = receipt[-2:]
    if len(tail) == 2 and all(digit in _DIGITS for digit in tail) and sum(map(int, tail)) % _LIMIT_DIVISOR == 0:
        return "rate_limited"
    return "success" if receipt[-1:] in tuple("13579") else "failure"


def amount(receipt: str) -> int:
    """Made of the characters."""
    return sum(_units(receipt)) % 1000 + 10


def order_id(receipt: str) -> str:
    """Made of the characters; not a UUID, though it looks like one."""
    h = 0
    for unit in _units(receipt):
        # JavaScript: the shift works on 32 bits, the sum around it does not.
        h = _int32(_int32(h) << 5) - h + unit
    return "-".join(f"{abs(h) * factor:0{width}x}" for factor, width in _PARTS)


def is_authorised(header: str, known: Credentials) -> bool:
    """Whether a Basic authorization header carries these credentials; compared in constant time."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, f"{known.user}:{known.password}".encode())


def _units(text: str) -> Iterator[int]:
    """UTF-16 code units."""
    encoded = text.encode("utf-16-be", "surrogatepass")
    return (encoded[at] << 8 | encoded[at + 1] for at in range(0, len(encoded), 2))


def _int32(number: int) -> int:
    return (number + 2**31) % 2**32 - 2**31
