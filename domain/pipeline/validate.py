"""Stage 3: required fields and the rules of a mapping, on the values that the map stage will deliver from.

A null or absent field that has a default is not missing, and no rule is asked about it. Other rules than `not_empty`
let null pass: `required` is what refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import polars as pl
import xxhash

from domain.pipeline.columns import KIND, TEXT, Column, Kind, Table, is_kind, mask
from domain.pipeline.config import Entity, FieldMapping, In, Length, Max, Min, NotEmpty, Regex, UniqueInBatch
from domain.pipeline.failures import RowFailure, noted

_MISSING: Final = (Kind.ABSENT, Kind.NULL)
_VALUES: Final = ~is_kind(Kind.ABSENT, Kind.NULL, Kind.BROKEN)
_NOTHING: Final = ("[]", "{}")

CellRule = NotEmpty | Regex | Min | Max | In | Length
Digests = frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Validated:
    """Failed rows, and by source field the xxHash128 of the values that no later row of the batch may have."""

    failures: list[RowFailure]
    unique: dict[str, Digests] = field(default_factory=dict)


def validate(table: Table, entity: Entity, taken: Mapping[str, Digests] | None = None) -> Validated:
    """`taken`: the digests of unique fields that earlier pages of the batch have, by source field."""
    taken = taken or {}
    failures: list[RowFailure] = []
    unique: dict[str, Digests] = {}
    for mapping in entity.mappings:
        column = table[mapping.source]
        failures += _required(column, mapping)
        for rule in mapping.rules:
            if isinstance(rule, UniqueInBatch):
                digests = _digests(column)
                repeated = _repeated(digests, taken.get(mapping.source, frozenset()))
                failures += noted(repeated, "validate", "REPEATED", mapping.source)
                unique[mapping.source] = frozenset(filter(None, digests))
            else:
                failures += noted(_broken(column, mapping, rule), "validate", _CODES[type(rule)], mapping.source)
    return Validated(failures, unique)


def _required(column: Column, mapping: FieldMapping) -> Iterator[RowFailure]:
    if mapping.required and mapping.default is None:
        yield from noted(mask(column, is_kind(*_MISSING)), "validate", "REQUIRED", mapping.source)


_CODES: Final[dict[type[CellRule], str]] = {
    NotEmpty: "EMPTY",
    Regex: "PATTERN",
    Min: "BELOW_MINIMUM",
    Max: "ABOVE_MAXIMUM",
    In: "NOT_ALLOWED",
    Length: "LENGTH",
}


def _broken(column: Column, mapping: FieldMapping, rule: CellRule) -> pl.Series:
    """Which cells break a rule that looks at one cell at a time."""
    match rule:
        case NotEmpty():
            empty = TEXT.is_in(_NOTHING) & is_kind(Kind.JSON)
            null = pl.lit(value=False) if mapping.default is not None else is_kind(Kind.NULL)
            return mask(column, null | empty.fill_null(value=False))
        case Regex(pattern=pattern):
            return mask(column, _VALUES & ~TEXT.str.contains(f"^(?:{pattern})$"))
        case Min(value=value):
            return _beyond(column, value, below=True)
        case Max(value=value):
            return _beyond(column, value, below=False)
        case In(values=values):
            return mask(column, _VALUES & ~TEXT.is_in(values))
    length = TEXT.str.len_chars()
    too_long = pl.lit(value=False) if rule.high is None else length > rule.high
    return mask(column, _VALUES & ((length < rule.low) | too_long))


def _beyond(column: Column, bound: Decimal, *, below: bool) -> pl.Series:
    """Exact, also where doubles are not: only what is the same double is compared by digit."""
    values, double = mask(column, _VALUES), float(bound)
    numbers = column.select(pl.when(is_kind(Kind.NUMBER)).then(TEXT).alias("text")).to_series()
    doubles = numbers.cast(pl.Float64)
    beyond = (doubles < double) if below else (doubles > double)
    close = doubles == double
    if close.any():
        exact = [Decimal(text) < bound if below else Decimal(text) > bound for text in numbers.filter(close)]
        beyond = beyond.scatter(close.arg_true(), exact)
    return values & beyond.fill_null(value=True)


def _digests(column: Column) -> list[bytes | None]:
    """Of the values, the kind included; none where there is no value."""
    tagged = column.select(pl.when(_VALUES).then(pl.concat_str(KIND.cast(pl.String), TEXT, separator=":"))).to_series()
    return [None if text is None else xxhash.xxh3_128_digest(text) for text in tagged]


def _repeated(digests: list[bytes | None], taken: Digests) -> pl.Series:
    seen: set[bytes | None] = set(taken)
    repeated = []
    for digest in digests:
        repeated.append(digest is not None and digest in seen)
        seen.add(digest)
    return pl.Series(repeated, dtype=pl.Boolean)
