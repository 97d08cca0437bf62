"""ScheduleHub, the target: records in batches of up to 1,000, each of which may fail by itself.

    NeighbourError
    ├── HubRejected       credentials, or more refused requests than single records can explain
    ├── HubUnusable       an answer that does not tell what became of the records
    └── HubUnavailable    5xx, 429, network: what became of the records is not known; also a `Postponed`

Repeating a batch is safe: records that are there are told as conflicts, and are then looked up and updated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

import httpx
import msgspec

from clients.neighbour import Credentials, Faults, Patience, Place, Rejected, Request, Transport, Unavailable, Unusable
from clients.neighbour.transport import segment

MOST_PER_CALL: Final = 1_000
Code = Literal["conflict", "not_found", "refused"]

_WHOLE: Final = (400, 409, 413, 422)
_MOST_REFUSALS: Final = 64
_LONGEST_REASON: Final = 500
_CONFLICT: Final = re.compile(r"\b409\b|conflict|duplicate|already exists", re.IGNORECASE)
_NOT_FOUND: Final = re.compile(r"\b404\b|not found|does not exist|parent missing", re.IGNORECASE)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")


class HubRejected(Rejected):
    """ScheduleHub refused the request."""


class HubUnusable(Unusable):
    """ScheduleHub's answer does not tell what became of the records."""


class HubUnavailable(Unavailable):
    """ScheduleHub cannot be reached or fails."""


FAULTS: Final = Faults("ScheduleHub", HubRejected, HubUnusable, HubUnavailable)


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A record that was not written; `index` is its place in the batch.

    conflict: its key is there · not_found: of an insert, its parent; of others, the record · refused: anything else,
    `reason` says what, in the hub's words.
    """

    index: int
    code: Code
    reason: str


class _Failure(msgspec.Struct, frozen=True):
    record: object = None
    error: object = None


class _Outcome(msgspec.Struct, frozen=True):
    success_count: int
    failure_count: int
    failures: list[_Failure] = []


class _Known(msgspec.Struct, frozen=True):
    uid: str | int
    erp_key_hash: str


class _Keyed(msgspec.Struct, frozen=True):
    erp_key_hash: str


@dataclass(frozen=True, slots=True)
class _Batch:
    """One kind of call. `identity`: the field by which the hub's failures name an item; `names`: its values here,
    asked for only when there is a failure."""

    path: str
    field: str
    items: Sequence[bytes]
    identity: Literal["erp_key_hash", "uid"]
    names: Callable[[], Iterable[str]]


class ScheduleHub:
    """The client; every method raises `NeighbourError`. Timeouts are seconds."""

    def __init__(self, transport: Transport, *, batch_timeout: float = 120.0) -> None:
        self._transport, self._timeout = transport, batch_timeout

    @classmethod
    def connect(
        cls,
        http: httpx.AsyncClient,
        place: Place,
        credentials: Credentials,
        *,
        batch_timeout: float = 120.0,
        patience: Patience | None = None,
    ) -> ScheduleHub:
        """On a pool that stays open longer; nothing is sent before it is asked for."""
        return cls(Transport(http, place, credentials, FAULTS, patience=patience), batch_timeout=batch_timeout)

    async def query(self, entity: str, key_hashes: Sequence[str]) -> dict[str, str]:
        """The hub's ids of the records that it has, by BK_HASH; up to 1,000 at a time."""
        content = msgspec.json.encode({"erp_key_hashes": key_hashes})
        request = Request("POST", f"{segment(entity)}/batch/query", content, self._timeout)
        return await self._transport.ask(request, _known)

    async def insert(self, entity: str, records: Sequence[bytes]) -> list[RowFailure]:
        """Write new records: JSON objects with `erp_key_hash`, up to 1,000. Those that failed, in order."""
        path = f"{segment(entity)}/batch/insert"
        return await self._write(_Batch(path, "records", records, "erp_key_hash", lambda: map(_key_of, records)))

    async def update(self, entity: str, updates: Sequence[tuple[str, bytes]]) -> list[RowFailure]:
        """Write records (JSON objects) over those with these ids, up to 1,000. Those that failed, in order."""
        items = [b'{"uid":%b,"data":%b}' % (msgspec.json.encode(uid), data) for uid, data in updates]
        path = f"{segment(entity)}/batch/update"
        return await self._write(_Batch(path, "updates", items, "uid", lambda: (uid for uid, _ in updates)))

    async def delete(self, entity: str, uids: Sequence[str]) -> list[RowFailure]:
        """Delete the records with these ids, up to 1,000. Those that failed, in order."""
        items = [msgspec.json.encode(uid) for uid in uids]
        return await self._write(_Batch(f"{segment(entity)}/batch/delete", "uids", items, "uid", lambda: uids))

    async def ping(self) -> None:
        """Raise unless it answers; whether it lets us in, only a batch tells."""
        await self._transport.ask(Request("GET", "health", timeout=5.0), len)

    async def _write(self, batch: _Batch) -> list[RowFailure]:
        """A batch that is refused as a whole is halved until the records that it is refused for stand alone."""
        failures: list[RowFailure] = []
        waiting, refusals = [range(len(batch.items))], 0
        while waiting:
            part = waiting.pop()
            try:
                failures += await self._call(batch, part) if part else []
            except HubRejected as refusal:
                refusals += 1
                if refusal.status not in _WHOLE or refusals > _MOST_REFUSALS:
                    raise
                if len(part) == 1:
                    failures.append(_refused_alone(part[0], refusal))
                else:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
        return sorted(failures, key=lambda failure: failure.index)

    async def _call(self, batch: _Batch, part: range) -> list[RowFailure]:
        items = batch.items[part.start : part.stop]
        content = b'{"%b":[%b]}' % (batch.field.encode(), b",".join(items))
        request = Request("POST", batch.path, content, self._timeout)
        outcome = await self._transport.ask(request, lambda body: _outcome(body, len(items)))
        if not outcome.failures:
            return []
        places = {name: index for index, name in enumerate(batch.names()) if index in part}
        failures = [_failure(failure, batch.identity, places) for failure in outcome.failures]
        if len({failure.index for failure in failures}) < len(failures):
            raise HubUnusable("ScheduleHub tells of one record twice, so another's outcome is not known.")
        return failures


def _known(body: bytes) -> dict[str, str]:
    return {known.erp_key_hash: str(known.uid) for known in msgspec.json.decode(body, type=list[_Known])}


def _outcome(body: bytes, sent: int) -> _Outcome:
    """Raises ValueError when the counts leave a record out: it is not known what became of it."""
    outcome = msgspec.json.decode(body, type=_Outcome)
    if outcome.success_count + outcome.failure_count != sent or outcome.failure_count != len(outcome.failures):
        raise ValueError
    return outcome


def _failure(failure: _Failure, identity: str, places: Mapping[str, int]) -> RowFailure:
    record = failure.record
    index = places.get(str(record.get(identity) if isinstance(record, Mapping) else record))
    if index is None:
        raise HubUnusable("ScheduleHub tells of a failure of a record that was not sent.")
    return RowFailure(index, _code(failure.error), _reason(failure.error))


def _code(error: object) -> Code:
    """Told as a status, or to be read from the text."""
    status = error.get("status", error.get("code")) if isinstance(error, Mapping) else error
    if status in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
        return "conflict" if status == HTTPStatus.CONFLICT else "not_found"
    text = _text(error)
    if _CONFLICT.search(text):
        return "conflict"
    return "not_found" if _NOT_FOUND.search(text) else "refused"


def _reason(error: object) -> str:
    return _UNPRINTABLE.sub(" ", _text(error)).strip()[:_LONGEST_REASON] or "ScheduleHub gave no reason."


def _text(error: object) -> str:
    if isinstance(error, Mapping):
        return " ".join(str(error[name]) for name in ("code", "message", "detail", "error") if error.get(name))
    return "" if error is None else str(error)


def _refused_alone(index: int, refusal: HubRejected) -> RowFailure:
    code: Code = "conflict" if refusal.status == HTTPStatus.CONFLICT else "refused"
    return RowFailure(index, code, str(refusal))


def _key_of(record: bytes) -> str:
    return msgspec.json.decode(record, type=_Keyed).erp_key_hash
