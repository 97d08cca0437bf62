"""Sets of keys (BK_HASH, 16 bytes each, one after the other) that are too many for objects of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

KEY_BYTES: Final = 16
_HALVES: Final = np.dtype([("high", "<u8"), ("low", "<u8")])


def packed(keys: Iterable[bytes]) -> bytes:
    """Keys as one value."""
    return b"".join(keys)


def in_order(keys: bytes) -> bytes:
    """The same keys as the database orders them: what is looked up so is found on pages that were just read."""
    return np.sort(np.frombuffer(keys, f"S{KEY_BYTES}")).tobytes()


def absent(keys: bytes, among: bytes) -> list[bytes]:
    """The distinct keys that are not `among` the others, in no particular order."""
    pairs = np.frombuffer(among + keys, dtype=_HALVES)
    late = np.arange(len(pairs)) >= len(among) // KEY_BYTES
    # Equal keys stand side by side, those that are `among` first: what begins its group and is late, is absent.
    order = np.lexsort((late, pairs["low"], pairs["high"]))
    pairs, late = pairs[order], late[order]
    begins = np.ones(len(pairs), dtype=bool)
    begins[1:] = pairs[1:] != pairs[:-1]
    return unpacked(pairs[begins & late].tobytes())


def count_distinct(keys: bytes) -> int:
    """How many different keys there are."""
    return len(absent(keys, b""))


def overlap(keys: bytes, others: bytes) -> bool:
    """Whether any key is in both."""
    # Halves are numbers, which sort ten times as fast; where none is in both, no key is.
    if not np.isin(np.frombuffer(keys, _HALVES)["high"], np.frombuffer(others, _HALVES)["high"]).any():
        return False
    return len(absent(keys, others)) < count_distinct(keys)


def places(keys: bytes, among: bytes) -> NDArray[np.int64]:
    """Where each key is among the others, which differ from each other; -1 where it is not."""
    wanted, others = np.frombuffer(keys, _HALVES), np.frombuffer(among, _HALVES)
    if not len(others):
        return np.full(len(wanted), -1)
    order = np.argsort(others["high"], kind="stable")
    first = np.searchsorted(others["high"], wanted["high"], sorter=order)
    found = order[np.minimum(first, len(others) - 1)]
    alike = others["high"][found] == wanted["high"]
    same = alike & (others["low"][found] == wanted["low"])
    if (alike & ~same).any():
        return np.array([_place(one, others) for one in wanted], np.int64)
    return np.where(same, found, -1)


def _place(key: np.void, among: NDArray[np.void]) -> int:
    found = np.flatnonzero(among == key)
    return int(found[0]) if len(found) else -1


def unpacked(keys: bytes) -> list[bytes]:
    """One value as keys."""
    return [keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)]
