"""Stage 8: records told to the hub, at most 1,000 per call; what became of each.

A repeat tells the same: a record that is there by now is looked up and updated, one that is gone is inserted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from clients.schedulehub import MOST_PER_CALL, RowFailure, ScheduleHub

T = TypeVar("T")
VANISHED: Final = RowFailure(0, "not_found", "ScheduleHub says that the record is there, and does not find it.")


class Record(msgspec.Struct, frozen=True, gc=False):
    """One row to tell; `key` is its BK_HASH in hex, `uid` the hub's id where it is known."""

    row: int
    key: str
    content: bytes
    is_new: bool
    uid: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """By row: why the hub refused it, and the id it has there as far as that was told."""

    refused: dict[int, RowFailure] = field(default_factory=dict)
    uids: dict[int, str] = field(default_factory=dict)


class Conversation:
    """Tells one entity's records to the hub."""

    def __init__(self, hub: ScheduleHub, entity: str) -> None:
        self._hub, self._entity = hub, entity
        self._heard = Heard()

    async def tell(self, records: Sequence[Record]) -> Heard:
        """Insert and update; raises what the hub's client raises."""
        unknown = [record for record in records if not record.is_new and record.uid is None]
        self._heard.uids.update({record.row: record.uid for record in records if record.uid is not None})
        lost = await self._find(unknown)
        absent = {record.row for record in lost}
        gone = await self._update([one for one in records if not one.is_new and one.row not in absent])
        again = absent | {record.row for record in gone}
        there = await self._insert([record for record in records if record.is_new or record.row in again])
        await self._update_those_that_are_there(there)
        return self._heard

    async def _update_those_that_are_there(self, records: Sequence[Record]) -> None:
        lost = await self._find(records)
        absent = {record.row for record in lost}
        known = [record for record in records if record.row not in absent]
        for record in (*lost, *await self._update(known)):
            self._heard.refused[record.row] = VANISHED

    async def _find(self, records: Sequence[Record]) -> list[Record]:
        """Learn the ids; those that the hub does not have are returned."""
        found: dict[str, str] = {}
        for part in parts(records):
            found |= await self._hub.query(self._entity, [record.key for record in part])
        for record in records:
            if record.key in found:
                self._heard.uids[record.row] = found[record.key]
        return [record for record in records if record.key not in found]

    async def _update(self, records: Sequence[Record]) -> list[Record]:
        """Those that are gone are returned."""
        gone = []
        for part in parts(records):
            updates = [(self._heard.uids[record.row], record.content) for record in part]
            for record, failure in _failed(part, await self._hub.update(self._entity, updates)):
                if failure.code == "not_found":
                    gone.append(record)
                else:
                    self._heard.refused[record.row] = failure
        return gone

    async def _insert(self, records: Sequence[Record]) -> list[Record]:
        """Those that are there already are returned."""
        there = []
        for part in parts(records):
            contents = [record.content for record in part]
            for record, failure in _failed(part, await self._hub.insert(self._entity, contents)):
                if failure.code == "conflict":
                    there.append(record)
                else:
                    self._heard.refused[record.row] = failure
        # What was inserted anew has another id now.
        if self._heard.uids:
            for record in records:
                self._heard.uids.pop(record.row, None)
        return there


def parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as one call takes."""
    return (items[at : at + MOST_PER_CALL] for at in range(0, len(items), MOST_PER_CALL))


def _failed(part: Sequence[Record], failures: Iterable[RowFailure]) -> Iterator[tuple[Record, RowFailure]]:
    return ((part[failure.index], failure) for failure in failures)
