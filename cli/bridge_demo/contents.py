"""What the ERP holds against what the hub holds, member by member; numbers are compared as numbers, not as texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec
import xxhash

from cli.bridge_demo.entities import DemoEntity, Row

_rows: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_OURS: Final = "erp_"


class Difference(msgspec.Struct, frozen=True):
    """Rows that the hub lacks, has without the ERP, or has otherwise."""

    missing: int
    extra: int
    different: int

    @property
    def total(self) -> int:
        """0 when both hold the same."""
        return self.missing + self.extra + self.different


def expected(lines: Iterable[bytes], entity: DemoEntity) -> Iterator[bytes]:
    """What the hub must hold, canonical, of the ERP's rows as JSON lines."""
    for line in lines:
        yield canonical(entity.expect(_rows.decode(line)))


def held(lines: Iterable[bytes]) -> Iterator[bytes]:
    """What the hub holds, canonical, without what the bridge and the hub add to it."""
    for line in lines:
        record = _rows.decode(line)
        own = {name: value for name, value in record.items() if not name.startswith(_OURS)}
        own.pop("uid", None)
        own.pop("parent_refs", None)
        yield canonical(own)


def digest(rows: Iterable[bytes]) -> str:
    """Of canonical rows in any order; hex."""
    total = 0
    for row in rows:
        total = (total + xxhash.xxh3_128_intdigest(row)) & ((1 << 128) - 1)
    return f"{total:032x}"


def compare(erp: Iterable[bytes], hub: Iterable[bytes], entity: DemoEntity) -> Difference:
    """Row by row, by the entity's key."""
    wanted = {_key(row, entity): row for row in expected(erp, entity)}
    found = {_key(row, entity): row for row in held(hub)}
    both = wanted.keys() & found.keys()
    return Difference(
        missing=len(wanted) - len(both),
        extra=len(found) - len(both),
        different=sum(wanted[key] != found[key] for key in both),
    )


def canonical(row: Row) -> bytes:
    """A row in the one form in which equal rows have equal bytes."""
    return _encode({name: _plain(value) for name, value in row.items()})


def _plain(value: object) -> object:
    """A number as one text, whatever its way of writing; kept apart from a text of the same digits."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return ["number", f"{Decimal(value).normalize():f}"]


def _key(row: bytes, entity: DemoEntity) -> tuple[str, ...]:
    members = msgspec.json.decode(row)
    return tuple(str(members[name]) for name in entity.key)
