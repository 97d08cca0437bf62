"""Batches: each record by itself, and what faults make of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
from fastapi import HTTPException

from devstack.simulators.neighbour.faults import FaultSpec, HubFault
from devstack.simulators.neighbour.gate import Doors

from .books import Books, Verdict

T = TypeVar("T")

MOST_PER_CALL: Final = 1_000
_ERRORS: Final[dict[Verdict, tuple[int, str]]] = {
    "conflict": (409, "a record with this erp_key_hash already exists"),
    "parent_missing": (404, "parent missing"),
    "unknown": (404, "record not found"),
    "refused": (422, "the record is not accepted"),
}


class Insert(msgspec.Struct):
    """A batch of new records."""

    records: list[msgspec.Raw]


class Update(msgspec.Struct):
    """What shall be written over one record."""

    uid: str
    data: msgspec.Raw


class Updates(msgspec.Struct):
    """A batch of them."""

    updates: list[Update]


class Delete(msgspec.Struct):
    """A batch of records that shall go."""

    uids: list[str]


class Error(msgspec.Struct):
    """Why a record failed; as a text where `Hub.plain_errors` is set."""

    status: int
    message: str


class Failure(msgspec.Struct):
    """A record that failed."""

    record: object
    error: Error | str


class Outcome(msgspec.Struct):
    """The answer to a batch."""

    success_count: int
    failure_count: int
    failures: list[Failure]


class Hub:
    """Works on batches."""

    def __init__(self, doors: Doors, books: Books, *, plain_errors: bool = False) -> None:
        self.doors, self.books, self._plain = doors, books, plain_errors

    def insert(self, entity: str, batch: Insert) -> Outcome:
        """New records."""
        work = [(raw, bytes(raw)) for raw in batch.records]
        return self._work(f"{entity}/batch/insert", entity, work, lambda _, body: self.books.insert(entity, body))

    def update(self, entity: str, batch: Updates) -> Outcome:
        """Records written over."""
        work = [(one, bytes(one.data)) for one in batch.updates]
        path = f"{entity}/batch/update"
        return self._work(path, entity, work, lambda one, body: self.books.update(entity, one.uid, body))

    def delete(self, entity: str, batch: Delete) -> Outcome:
        """Records gone."""
        work = [(uid, uid.encode()) for uid in batch.uids]
        return self._work(f"{entity}/batch/delete", entity, work, lambda uid, _: self.books.delete(entity, uid))

    def query(self, entity: str, keys: Sequence[str]) -> bytes:
        """The records with these keys, whole."""
        self._refuse_whole(f"{entity}/batch/query", [key.encode() for key in keys])
        held = self.books.of(entity).by_key
        found = [held[key] for key in keys if key in held]
        return b"[%b]" % b",".join([with_uid(record.uid, record.body) for record in found])

    def _work(
        self, path: str, entity: str, work: Sequence[tuple[T, bytes]], do: Callable[[T, bytes], Verdict]
    ) -> Outcome:
        self._refuse_whole(path, [body for _, body in work])
        failures = []
        # Without faults, which is how it is measured, a record costs no more than its place in the books.
        watched = bool(self.doors.faults)
        for item, body in work:
            error = (watched and self._refused(path, entity, body)) or self._error(_verdict(do, item, body))
            if error:
                failures.append(Failure(item, error))
        silent = self._strike("silent_rows", path)
        return Outcome(len(work) - len(failures) - (silent.rows if silent else 0), len(failures), failures)

    def _refuse_whole(self, path: str, bodies: Sequence[bytes]) -> None:
        self.books.calls.book(path, len(bodies))
        if len(bodies) > MOST_PER_CALL:
            raise HTTPException(413, f"at most {MOST_PER_CALL} records a call")
        if self.doors.faults and (fault := self._strike("refused_batch", path, b"\n".join(bodies))):
            raise HTTPException(fault.status, "the batch is not accepted")

    def _refused(self, path: str, entity: str, body: bytes) -> Error | str | None:
        fault = self._strike("refused_rows", path, body)
        if fault is None:
            return None
        self.books.of(entity).book("refused", "")
        return self._told(fault.status, "the record is not accepted")

    def _error(self, verdict: Verdict) -> Error | str | None:
        return self._told(*_ERRORS[verdict]) if verdict in _ERRORS else None

    def _told(self, status: int, message: str) -> Error | str:
        return f"{status}: {message}" if self._plain else Error(status, message)

    def _strike(self, kind: HubFault, path: str, body: bytes = b"") -> FaultSpec | None:
        return self.doors.faults.strike(kind, path, body)


def with_uid(uid: str, body: bytes) -> bytes:
    """A record as the hub gives it out."""
    return b'%b,"uid":"%b"}' % (body.rstrip()[:-1], uid.encode())


def _verdict(do: Callable[[T, bytes], Verdict], item: T, body: bytes) -> Verdict:
    try:
        return do(item, body)
    except msgspec.MsgspecError:
        return "refused"
