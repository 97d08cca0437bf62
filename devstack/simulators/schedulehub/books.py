"""What the hub holds, and what came to be of every record that was sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

import msgspec

Verdict = Literal["inserted", "updated", "deleted", "conflict", "parent_missing", "unknown", "refused"]


class Sent(msgspec.Struct, gc=False):
    """What the hub reads of a record that it is sent."""

    erp_key_hash: str
    erp_ref_str: str = ""
    parent_refs: dict[str, str | None] = {}


_sent: Final = msgspec.json.Decoder(Sent)


class Record(msgspec.Struct, gc=False):
    """A record that it holds; `body` is its JSON."""

    uid: str
    key: str
    name: str
    body: bytes


@dataclass
class Holding:
    """One entity's records."""

    by_key: dict[str, Record] = field(default_factory=dict)
    by_uid: dict[str, Record] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    journal: dict[str, list[str]] = field(default_factory=dict)

    def book(self, verdict: Verdict, name: str) -> Verdict:
        """Count it; what changed the holding is noted by the record's name."""
        self.verdicts[verdict] += 1
        if verdict in ("inserted", "updated", "deleted"):
            self.journal.setdefault(verdict, []).append(name)
        return verdict


@dataclass
class Calls:
    """How the hub was called."""

    batches: Counter[str] = field(default_factory=Counter)
    largest: int = 0

    def book(self, route: str, size: int) -> None:
        """A batch of so many."""
        self.batches[route] += 1
        self.largest = max(self.largest, size)


class Books:
    """All entities. With `check_parents` a record whose parent is not there is refused."""

    def __init__(self, *, check_parents: bool = True) -> None:
        self.holdings: dict[str, Holding] = {}
        self.calls = Calls()
        self._check_parents = check_parents
        self._numbers = count(1)

    def of(self, entity: str) -> Holding:
        """One entity's records."""
        held = self.holdings.get(entity)
        if held is None:
            held = self.holdings[entity] = Holding()
        return held

    def insert(self, entity: str, body: bytes) -> Verdict:
        """A new record. Raises `msgspec.MsgspecError` for what is none."""
        sent, holding = _sent.decode(body), self.of(entity)
        if sent.erp_key_hash in holding.by_key:
            return holding.book("conflict", sent.erp_ref_str)
        if not self._has_parents(sent):
            return holding.book("parent_missing", sent.erp_ref_str)
        record = Record(
            f"00000000-0000-4000-8000-{next(self._numbers):012x}", sent.erp_key_hash, sent.erp_ref_str, body
        )
        holding.by_key[record.key] = holding.by_uid[record.uid] = record
        return holding.book("inserted", record.name)

    def update(self, entity: str, uid: str, data: bytes) -> Verdict:
        """Members of a record, written over those it has."""
        holding = self.of(entity)
        record = holding.by_uid.get(uid)
        if record is None:
            return holding.book("unknown", uid)
        members = dict[str, msgspec.Raw]
        merged = msgspec.json.decode(record.body, type=members) | msgspec.json.decode(data, type=members)
        body = msgspec.json.encode(merged)
        sent = _sent.decode(body)
        if sent.erp_key_hash != record.key:
            return holding.book("refused", record.name)
        if not self._has_parents(sent):
            return holding.book("parent_missing", record.name)
        record.body = body
        return holding.book("updated", record.name)

    def delete(self, entity: str, uid: str) -> Verdict:
        """A record."""
        holding = self.of(entity)
        record = holding.by_uid.pop(uid, None)
        if record is None:
            return holding.book("unknown", uid)
        del holding.by_key[record.key]
        return holding.book("deleted", record.name)

    def _has_parents(self, sent: Sent) -> bool:
        if not self._check_parents or not sent.parent_refs:
            return True
        for key in sent.parent_refs.values():  # noqa: SIM110 - the same
            if key is not None and not self._is_held(key):
                return False
        return True

    def _is_held(self, key: str) -> bool:
        for held in self.holdings.values():  # noqa: SIM110 - a generator costs as much as the rest of an insert
            if key in held.by_key:
                return True
        return False
