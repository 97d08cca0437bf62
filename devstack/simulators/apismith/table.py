"""One table of the ERP: rows in the order of their keys, with their rowversions, and how they are asked for."""

from __future__ import annotations

import bisect
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from .erp import STEP, Erp, spoiled

Numbers: TypeAlias = NDArray[np.int64]
ROWVERSION: Final = "rowversion"
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_SIDES: Final = {"=": ("left", "right"), ">": ("right", ""), ">=": ("left", ""), "<": ("", "left"), "<=": ("", "right")}


class Filter(msgspec.Struct, frozen=True):
    """A comparison of one field."""

    field: str
    operator: str
    value: str | int | float

    def holds(self, found: object) -> bool:
        """As the ERP compares: numbers as numbers, texts as texts; null never."""
        if found is None:
            return False
        if isinstance(found, int | float | Decimal):
            return _COMPARE[self.operator](Decimal(str(found)), Decimal(str(self.value)))
        return _COMPARE[self.operator](str(found), str(self.value))


class Sort(msgspec.Struct, frozen=True):
    """By one field; rows that are equal in it keep the order of their keys."""

    field: str
    direction: str = "asc"


class Scn:
    """The ERP's clock: each change takes the next number."""

    def __init__(self, first: int) -> None:
        self.last = first

    def take(self, count: int) -> range:
        """So many numbers."""
        self.last += count
        return range(self.last - count + 1, self.last + 1)


class Table:
    """Rows as bytes; arrays are aligned with them."""

    def __init__(self, erp: Erp, slug: str, rows: int, scn: Scn) -> None:
        self._kind, self._scn = erp.kinds[slug], scn
        self.numbers: Numbers = np.array(sorted(erp.first_number(slug, index) for index in range(rows)), np.int64)
        self.versions: Numbers = np.zeros(rows, np.int64)
        self.rowversions: Numbers = np.array(scn.take(rows), np.int64)
        both = zip(self.numbers.tolist(), self.rowversions.tolist(), strict=True)
        self.rows = [self._kind.render(number, 0, rowversion).encode() for number, rowversion in both]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Of its rows."""
        return self._kind.key_fields

    def name(self, index: int) -> str:
        """`field=value|field=value` of a row's key."""
        values = self._kind.key(int(self.numbers[index]))
        return "|".join(f"{field}={value}" for field, value in zip(self.key_fields, values, strict=True))

    def select(self, filters: Sequence[Filter], sort: Sort | None) -> Numbers:
        """The places of the rows that are asked for, in the order that was asked for."""
        first, last, rest = 0, len(self), []
        for wanted in filters:
            if wanted.field == self.key_fields[0]:
                low, high = self._range(wanted)
                first, last = max(first, low), min(last, high)
            else:
                rest.append(wanted)
        places = np.arange(first, max(first, last))
        for wanted in rest:
            places = places[self._mask(wanted, places)]
        return self._sorted(places, sort)

    def change(self, places: Sequence[int]) -> list[str]:
        """Give rows another content and a new rowversion; their names."""
        for place, rowversion in zip(places, self._scn.take(len(places)), strict=True):
            self.versions[place] += 1
            self.rowversions[place] = rowversion
            number, version = int(self.numbers[place]), int(self.versions[place])
            self.rows[place] = self._kind.render(number, version, rowversion).encode()
        return [self.name(place) for place in places]

    def spoil(self, places: Sequence[int], field: str, value: object) -> list[str]:
        """Change rows, and put a value into a field of theirs."""
        names = self.change(places)
        for place in places:
            self.rows[place] = spoiled(self.rows[place], field, value)
        return names

    def remove(self, places: Sequence[int]) -> list[str]:
        """Delete rows; their names."""
        names, gone = [self.name(place) for place in places], set(places)
        self.rows = [row for place, row in enumerate(self.rows) if place not in gone]
        for column in ("numbers", "versions", "rowversions"):
            setattr(self, column, np.delete(getattr(self, column), list(places)))
        return names

    def add(self, count: int, rng: random.Random) -> list[str]:
        """Rows between others and behind the last; their names."""
        return [self._insert(self._free_number(rng)) for _ in range(count)]

    def some(self, count: int, rng: random.Random) -> list[int]:
        """Places of so many rows at random, ascending."""
        return sorted(rng.sample(range(len(self)), min(count, len(self))))

    def _insert(self, number: int) -> str:
        place = int(np.searchsorted(self.numbers, number))
        rowversion = self._scn.take(1)[0]
        self.rows.insert(place, self._kind.render(number, 0, rowversion).encode())
        self.numbers = np.insert(self.numbers, place, number)
        self.versions = np.insert(self.versions, place, 0)
        self.rowversions = np.insert(self.rowversions, place, rowversion)
        return self.name(place)

    def _free_number(self, rng: random.Random) -> int:
        """Beside a row that is there; a line stays in its order."""
        number = int(self.numbers[rng.randrange(len(self))]) if len(self) else STEP
        while np.any(self.numbers == number):
            number += 1
        return number

    def _range(self, wanted: Filter) -> tuple[int, int]:
        """Where rows begin and end whose first key field compares like that."""
        low, high = _SIDES[wanted.operator]
        return self._edge(low, wanted.value, 0), self._edge(high, wanted.value, len(self))

    def _edge(self, side: str, value: object, otherwise: int) -> int:
        if not side:
            return otherwise
        find = bisect.bisect_left if side == "left" else bisect.bisect_right
        return find(self.numbers, str(value), key=lambda number: str(self._kind.key(int(number))[0]))

    def _mask(self, wanted: Filter, places: Numbers) -> NDArray[np.bool_]:
        if wanted.field == ROWVERSION and wanted.operator == ">=":
            mask: NDArray[np.bool_] = self.rowversions[places] >= int(wanted.value)
            return mask
        return np.array([wanted.holds(found) for found in self._values(wanted.field, places)], bool)

    def _sorted(self, places: Numbers, sort: Sort | None) -> Numbers:
        if sort is None or sort.field == self.key_fields[0]:
            return places if sort is None or sort.direction == "asc" else places[::-1]
        if sort.field == ROWVERSION:
            order = np.argsort(self.rowversions[places], kind="stable")
        else:
            values = [("" if value is None else str(value)) for value in self._values(sort.field, places)]
            order = np.argsort(np.array(values), kind="stable")
        return places[order if sort.direction == "asc" else order[::-1]]

    def _values(self, field: str, places: Numbers) -> Iterator[object]:
        return (msgspec.json.decode(self.rows[place]).get(field) for place in places.tolist())
