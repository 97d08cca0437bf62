"""The ERP's tables: how a row looks, given its number, its version and its rowversion.

    sites <- items
      ^        ^
    orders <- order_lines        a child names its parents by their keys

Numbers ascend as the keys do, in steps, so that rows can be added between others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

STEP: Final = 10
LINES_PER_ORDER: Final = 8
_MASK: Final = (1 << 64) - 1
_NOUNS: Final = ("bolt", "nut", "washer", "bracket", "hinge", "valve", "gasket", "bearing", "clamp", "spring")
_METALS: Final = ("steel", "brass", "alluminio", "acciaio zincato", "nylon", "copper", "titanium")
_STATES: Final = ("open", "shipped", "paid")
_UNITS: Final = ("pcs", "kg", "m", "box")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of each table."""

    sites: int = 20
    items: int = 1_000
    orders: int = 500
    order_lines: int = 2_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One table. `key` gives a row's key, field by field, of its number; `render` its JSON."""

    slug: str
    key_fields: tuple[str, ...]
    key: Callable[[int], tuple[str | int, ...]]
    render: Callable[[int, int, int], str]


class Erp:
    """The four kinds of rows, of one seed and these sizes."""

    def __init__(self, sizes: Sizes, seed: int) -> None:
        self.sizes, self._seed = sizes, seed
        self.kinds: Mapping[str, Kind] = {
            kind.slug: kind
            for kind in (
                Kind("sites", ("site_code",), lambda n: (site_code(n),), self._site),
                Kind("items", ("item_number",), lambda n: (item_number(n),), self._item),
                Kind("orders", ("order_number",), lambda n: (order_number(n),), self._order),
                Kind("order_lines", ("order_number", "line_number"), line_key, self._line),
            )
        }

    def first_number(self, slug: str, index: int) -> int:
        """The number of a table's row, counted from 0, as it is generated."""
        if slug == "order_lines":
            order, line = divmod(index, LINES_PER_ORDER)
            return (order % max(1, self.sizes.orders) + 1) * STEP * 1_000 + (
                order // max(1, self.sizes.orders) * LINES_PER_ORDER + line + 1
            ) * STEP
        return (index + 1) * STEP

    def _site(self, number: int, version: int, rowversion: int) -> str:
        chance = self._draw(number, version)
        return (
            f'{{"site_code":"{site_code(number)}","name":"Stabilimento {number // STEP}",'
            f'"city":"City {chance % 97}","capacity":{chance % 9_000 + version},'
            f'"active":{_true(chance % 9)},"rowversion":{rowversion}}}'
        )

    def _item(self, number: int, version: int, rowversion: int) -> str:
        chance = self._draw(number, version)
        remark = "null" if chance % 5 else f'"see drawing {chance % 100_000}"'
        return (
            f'{{"item_number":"{item_number(number)}","site_code":"{self._some_site(number)}",'
            f'"description":"{_METALS[chance % 7]} {_NOUNS[chance // 7 % 10]} M{number % 40}, lot {number // 400}",'
            f'"unit":"{_UNITS[number // STEP % 4]}","remark":{remark},"quantity":{chance // 11 % 5_000 + version},'
            f'"price":{chance % 100_000 // 100 + 1}.{chance % 100:02d},"weight":"{number % 1_000}.{chance % 97:02d}",'
            f'"active":{_true(chance % 4)},"created_on":"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}",'
            f'"changed_at":"{_moment(chance)}","rowversion":{rowversion}}}'
        )

    def _order(self, number: int, version: int, rowversion: int) -> str:
        chance = self._draw(number, version)
        state = _STATES[(chance + version) % 3]
        return (
            f'{{"order_number":"{order_number(number)}","site_code":"{self._some_site(number)}",'
            f'"customer":"Customer {chance % 5_000:05d}","state":"{state}",'
            f'"total":{chance % 1_000_000 // 100}.{chance % 100:02d},"ordered_at":"{_moment(chance)}",'
            f'"rowversion":{rowversion}}}'
        )

    def _line(self, number: int, version: int, rowversion: int) -> str:
        chance = self._draw(number, version)
        order, line = line_key(number)
        item = item_number((chance % max(1, self.sizes.items) + 1) * STEP)
        return (
            f'{{"order_number":"{order}","line_number":{line},"item_number":"{item}",'
            f'"quantity":{chance // 13 % 50 + 1 + version},"price":{chance % 100_000 // 100 + 1}.{chance % 100:02d},'
            f'"rowversion":{rowversion}}}'
        )

    def _some_site(self, number: int) -> str:
        return site_code((self._draw(number, 0) % max(1, self.sizes.sites) + 1) * STEP)

    def _draw(self, number: int, version: int) -> int:
        """A number that nobody would guess, the same whenever it is asked for (splitmix64)."""
        mixed = (number * 0x9E3779B97F4A7C15 + version * 0xD1B54A32D192ED03 + self._seed) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        return ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _MASK) >> 20


def site_code(number: int) -> str:
    """Of a site."""
    return f"SITE-{number:06d}"


def item_number(number: int) -> str:
    """Of an item."""
    return f"ITEM-{number:010d}"


def order_number(number: int) -> str:
    """Of an order."""
    return f"ORD-{number:010d}"


def line_key(number: int) -> tuple[str, int]:
    """Of an order line: its order, and its number there."""
    return order_number(number // 1_000), number % 1_000


def spoiled(row: bytes, field: str, value: object) -> bytes:
    """A row with another value in a field."""
    return json.dumps(json.loads(row) | {field: value}, separators=(",", ":")).encode()


def _moment(chance: int) -> str:
    return (
        f"2025-{chance % 12 + 1:02d}-{chance % 27 + 1:02d} {chance % 24:02d}:{chance % 60:02d}:{chance // 60 % 60:02d}"
    )


def _true(chance: int) -> str:
    return "true" if chance else "false"
