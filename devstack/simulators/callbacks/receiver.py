"""The receiver's books and manners, by the name of the inbox: `/webhook` is one, `/webhook/{name}` another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import msgspec

_HEADERS: Final[tuple[str, ...]] = (
    *("x-event-id", "x-event-sequence", "x-webhook-signature", "x-webhook-timestamp"),
    *("webhook-id", "webhook-timestamp", "webhook-signature"),
)


class Manners(msgspec.Struct, rename="camel"):
    """How an inbox answers: `statuses` one after the other, the last one for ever; `delay` in seconds."""

    statuses: list[int] = []
    headers: dict[str, str] = {}
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request, and what it was answered."""

    inbox: str
    status: int
    headers: dict[str, str]
    body: str
    at: float


@dataclass
class Receiver:
    """Everything the simulator knows."""

    books: list[Received] = field(default_factory=list)
    manners: dict[str, Manners] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    def behave(self, inbox: str, manners: Manners) -> None:
        """From now on."""
        self.manners[inbox] = manners

    def delay(self, inbox: str) -> float:
        """Seconds before an answer."""
        return self.manners[inbox].delay if inbox in self.manners else 0.0

    def take(self, inbox: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
        """(status, headers, body) of the answer; the request is in the books."""
        status, extra, answer = self._answer(inbox, headers, body)
        kept = {name: headers[name] for name in _HEADERS if name in headers}
        self.books.append(Received(inbox, status, kept, body.decode(errors="replace"), self.clock()))
        return status, extra, answer

    def shown(self, inbox: str, after: int) -> list[dict[str, object]]:
        """The books of an inbox behind so many requests of all."""
        return [{"number": number, **asdict(one)} for number, one in enumerate(self.books, 1)
                if one.inbox == inbox and number > after]  # fmt: skip

    def ids(self, inbox: str) -> dict[str, int]:
        """How often each event was accepted."""
        found: dict[str, int] = {}
        for one in self.books:
            if one.inbox == inbox and 200 <= one.status < 300:
                event_id = one.headers.get("x-event-id", "")
                found[event_id] = found.get(event_id, 0) + 1
        return found

    def _answer(
        self, inbox: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], dict[str, object]]:
        manners = self.manners.get(inbox)
        if manners is not None and manners.statuses:
            status = manners.statuses.pop(0) if len(manners.statuses) > 1 else manners.statuses[0]
            return status, manners.headers, {"ok": 200 <= status < 300}
        if headers.get("x-fail") == "true":
            return 500, {}, {"error": "mock_fail", "reason": "header"}
        if _receipt(body).endswith("5"):
            return 500, {}, {"error": "mock_fail", "reason": "receipt"}
        return 200, {}, {"ok": True}


def _receipt(body: bytes) -> str:
    """The receipt of a body, at its top or within its data; "" when there is none."""
    try:
        parsed: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    fields = parsed if isinstance(parsed, dict) else {}
    data = fields.get("data")
    receipt = fields.get("receipt") or (data.get("receipt") if isinstance(data, dict) else None)
    return receipt if isinstance(receipt, str) else ""
