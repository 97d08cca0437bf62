"""Central's own books: stock by SKU, and every movement that was ever applied, in a journal that outlives a kill."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal

import msgspec

FOREIGN: Final = "foreign"


class Movement(msgspec.Struct, frozen=True):
    """One applied movement and what it led to; `operation_id` is "foreign" when nobody of ours asked for it."""

    operation_id: str
    sku: str
    delta: int
    version: int
    quantity: int


@dataclass(slots=True)
class Stock:
    """One item."""

    version: int = 0
    quantity: int = 0


Verdict = Literal["applied", "replayed", "stale", "too_little", "unknown", "reused"]


@dataclass
class Books:
    """Everything central knows. `journal` is a file of JSON lines, or nothing."""

    journal: Path | None = None
    stocks: dict[str, Stock] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    _by_operation: dict[str, tuple[Movement, int]] = field(default_factory=dict)
    _file: IO[bytes] | None = None

    def __post_init__(self) -> None:
        if self.journal is None:
            return
        if self.journal.exists():
            # A kill may have cut the last line short: it was never answered.
            whole = self.journal.read_bytes().rpartition(b"\n")[0]
            for line in whole.splitlines():
                movement, asked = msgspec.json.decode(line, type=tuple[Movement, int])
                self._note(movement, asked)
            self.journal.write_bytes(whole + b"\n" if whole else b"")
        self._file = self.journal.open("ab", buffering=0)

    def adjust(self, operation_id: str, sku: str, delta: int, version: int, *, strict: bool = True) -> Verdict:
        """Apply a movement, once. `strict`: the same key for another request is refused."""
        verdict = self._adjust(operation_id, sku, delta, version, strict)
        self.verdicts[verdict] += 1
        return verdict

    def _adjust(self, operation_id: str, sku: str, delta: int, version: int, strict: bool) -> Verdict:
        if (earlier := self._by_operation.get(operation_id)) is not None:
            movement, asked = earlier
            same = (movement.sku, movement.delta, asked) == (sku, delta, version)
            return "replayed" if same or not strict else "reused"
        stock = self.stocks.get(sku)
        if stock is None:
            return "unknown"
        if stock.version != version:
            return "stale"
        if stock.quantity + delta < 0:
            return "too_little"
        self._apply(operation_id, sku, delta, version)
        return "applied"

    def answer(self, operation_id: str) -> Movement:
        """What an operation led to."""
        return self._by_operation[operation_id][0]

    def open_item(self, sku: str, quantity: int) -> None:
        """Bring stock in; a new item begins with version 0."""
        if sku not in self.stocks:
            self._write(Movement(FOREIGN, sku, quantity, 0, quantity), -1)

    def move(self, sku: str, delta: int) -> bool:
        """Somebody else moves stock; False when there is not enough."""
        stock = self.stocks.get(sku)
        if stock is None or stock.quantity + delta < 0:
            return False
        self._apply(FOREIGN, sku, delta, stock.version)
        return True

    def _apply(self, operation_id: str, sku: str, delta: int, asked: int) -> None:
        stock = self.stocks[sku]
        self._write(Movement(operation_id, sku, delta, stock.version + 1, stock.quantity + delta), asked)

    def _write(self, movement: Movement, asked: int) -> None:
        """Journal first: what was answered is never lost."""
        if self._file is not None:
            self._file.write(msgspec.json.encode((movement, asked)) + b"\n")
        self._note(movement, asked)

    def _note(self, movement: Movement, asked: int) -> None:
        self.stocks[movement.sku] = Stock(movement.version, movement.quantity)
        self.movements.append(movement)
        if movement.operation_id != FOREIGN:
            self._by_operation[movement.operation_id] = (movement, asked)
