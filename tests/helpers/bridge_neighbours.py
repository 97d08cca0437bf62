"""An ERP and a hub in memory, behind the bridge's own clients: what they hold is what the tests look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from clients.apismith import ApiSmith, Filter, Sort, SourcePage
from clients.schedulehub import Code, RowFailure, ScheduleHub

Row = dict[str, Any]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


@dataclass
class FakeErp(ApiSmith):
    """Tables by connector. `before` is called with the number of each call; `lie` changes the total that is told;
    `most`: rows it gives at once, whatever is asked for; `raw`: what it gives instead of its rows."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    before: Callable[[int], None] = lambda _: None
    raw: dict[str, list[bytes]] = field(default_factory=dict)
    most: int = 10_000
    lie: Callable[[int], int | None] = lambda total: total
    calls: list[tuple[list[Filter], Sort | None]] = field(default_factory=list)

    async def execute(
        self,
        slug: str,
        *,
        page: int = 1,
        page_size: int,
        filters: Sequence[Filter] = (),
        sort: Sort | None = None,
    ) -> SourcePage:
        """Rows without the field of a filter do not match it."""
        self.before(len(self.calls))
        self.calls.append((list(filters), sort))
        rows = [row for row in self.tables[slug] if all(_matches(row, one) for one in filters)]
        if sort is not None:
            by, descends = sort.field, sort.direction == "desc"
            # Rows that lack the field come last, as Oracle has it.
            rows = sorted(
                (row for row in rows if row.get(by) is not None), key=lambda row: row[by], reverse=descends
            ) + [row for row in rows if row.get(by) is None]
        if slug in self.raw:
            return SourcePage([msgspec.Raw(row) for row in self.raw[slug]], len(self.raw[slug]), 0)
        told = [msgspec.Raw(msgspec.json.encode(row)) for row in rows[: min(page_size, self.most)]]
        return SourcePage(told, self.lie(len(rows)), sum(len(bytes(one)) for one in told))


def _matches(row: Row, one: Filter) -> bool:
    value = row.get(one.field)
    return value is not None and _COMPARE[one.operator](value, one.value)


class Lost(Exception):
    """The process ended here, or the answer never came."""


@dataclass
class FakeHub(ScheduleHub):
    """Records by entity and uid. `refuse`: by a field of the record; `lose_after`: calls whose answer is lost."""

    records: dict[str, dict[str, Row]] = field(default_factory=dict)
    refuse: Callable[[Row], Code | None] = lambda _: None
    lose_before: set[int] = field(default_factory=set)
    lose_after: set[int] = field(default_factory=set)
    calls: list[tuple[str, int]] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)

    def rows(self, entity: str) -> list[Row]:
        """What it holds."""
        return list(self.records.get(entity, {}).values())

    async def query(self, entity: str, key_hashes: Sequence[str]) -> dict[str, str]:
        """By key."""
        self._called("query", len(key_hashes))
        return {key: uid for key, uid in self._by_key(entity).items() if key in set(key_hashes)}

    async def insert(self, entity: str, records: Sequence[bytes]) -> list[RowFailure]:
        """A key that is there is a conflict."""
        lost, failures, known = self._called("insert", len(records)), list[RowFailure](), self._by_key(entity)
        for index, record in enumerate(map(msgspec.json.decode, records)):
            key = record["erp_key_hash"]
            code = "conflict" if key in known else self.refuse(record)
            if code is None:
                known[key] = f"{entity}-{len(self.records.setdefault(entity, {}))}-{len(self.writes)}"
                self.records[entity][known[key]] = record
                self.writes.append(("insert", key))
            else:
                failures.append(RowFailure(index, code, f"the hub says {code}"))
        self._answered(lost)
        return failures

    async def update(self, entity: str, updates: Sequence[tuple[str, bytes]]) -> list[RowFailure]:
        """An id that is not there is not found."""
        lost, failures = self._called("update", len(updates)), list[RowFailure]()
        for index, (uid, content) in enumerate(updates):
            record = msgspec.json.decode(content)
            code: Code | None = self.refuse(record) if uid in self.records.get(entity, {}) else "not_found"
            if code is None:
                self.records[entity][uid] = record
                self.writes.append(("update", record["erp_key_hash"]))
            else:
                failures.append(RowFailure(index, code, f"the hub says {code}"))
        self._answered(lost)
        return failures

    async def delete(self, entity: str, uids: Sequence[str]) -> list[RowFailure]:
        """An id that is not there is not found."""
        lost, failures = self._called("delete", len(uids)), list[RowFailure]()
        for index, uid in enumerate(uids):
            record = self.records.get(entity, {}).get(uid)
            code: Code | None = "not_found" if record is None else self.refuse({**record, "deleting": True})
            if record is not None and code is None:
                del self.records[entity][uid]
                self.writes.append(("delete", record["erp_key_hash"]))
            elif code is not None:
                failures.append(RowFailure(index, code, f"the hub says {code}"))
        self._answered(lost)
        return failures

    def _by_key(self, entity: str) -> dict[str, str]:
        return {record["erp_key_hash"]: uid for uid, record in self.records.get(entity, {}).items()}

    def _called(self, what: str, size: int) -> bool:
        number = len(self.calls)
        self.calls.append((what, size))
        if number in self.lose_before:
            raise Lost
        return number in self.lose_after

    def _answered(self, lost: bool) -> None:
        if lost:
            raise Lost
