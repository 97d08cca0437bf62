"""How an entity is read, checked, mapped and recognised: values that the API stores and the stages obey."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

TextType = Literal["VARCHAR2", "CHAR", "CLOB", "NVARCHAR2", "NCHAR", "NCLOB", "RAW", "LONG RAW", "BLOB"]
NumberType = Literal["NUMBER", "NUMERIC", "DECIMAL", "INTEGER", "INT", "FLOAT"]
DateType = Literal["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"]
OracleType = Literal[TextType, NumberType, DateType, "BOOLEAN"]

DateOrder = Literal["ymd", "dmy", "mdy"]
Transformation = Literal[
    "none",
    "uppercase",
    "lowercase",
    "trim",
    "title_case",
    "capitalize",
    "strip_whitespace",
    "remove_special_chars",
]
HashScheme = Literal["v1", "v2"]
RowversionKind = Literal["integer", "hex", "timestamp", "text"]


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all of these are: frozen, compared by content, readable from JSON without unknown keys."""


class Zones(Value, frozen=True, kw_only=True):
    """What is done with date-times: texts without an offset are of `local` (None: left without); `to_utc` converts."""

    local: str | None = None
    to_utc: bool = False


class Source(Value, frozen=True, kw_only=True):
    """A source system; `null_tokens` are texts that mean nothing there ("N/A"), compared after cleaning."""

    name: str
    null_tokens: tuple[str, ...] = ()
    zones: Zones = Zones()


class SourceField(Value, frozen=True, kw_only=True):
    """What is declared of one field of the source."""

    name: str
    type: OracleType
    date_order: DateOrder = "ymd"
    decimal_comma: bool = False


class NotEmpty(Value, frozen=True, kw_only=True, tag="not_empty"):
    """Null and empty structures are refused; a field that is absent is not its matter."""


class Regex(Value, frozen=True, kw_only=True, tag="regex"):
    """The whole text matches; the syntax is that of the Rust crate, which takes linear time."""

    pattern: str


class Min(Value, frozen=True, kw_only=True, tag="min"):
    """A number not below `value`."""

    value: Decimal


class Max(Value, frozen=True, kw_only=True, tag="max"):
    """A number not above `value`."""

    value: Decimal


class In(Value, frozen=True, kw_only=True, tag="in"):
    """One of these texts; a number is compared by its canonical text."""

    values: tuple[str, ...]


class Length(Value, frozen=True, kw_only=True, tag="length"):
    """Between `low` and `high` characters."""

    low: int = 0
    high: int | None = None


class UniqueInBatch(Value, frozen=True, kw_only=True, tag="unique_in_batch"):
    """No earlier row of the batch has the value."""


Rule = NotEmpty | Regex | Min | Max | In | Length | UniqueInBatch


class FieldMapping(Value, frozen=True, kw_only=True):
    """One field's way to the target. A source field may go to several targets.

    `default` takes the place of null and of an absent field; it is read like a text that the source had sent, and a
    field that has one is never missing.
    """

    source: str
    target: str
    transformation: Transformation = "none"
    default: str | int | bool | None = None
    required: bool = False
    rules: tuple[Rule, ...] = ()


class Rowversion(Value, frozen=True, kw_only=True):
    """The target field that orders the states of a row, and how its values compare.

    `overlap`: how far before the watermark the next fetch starts, for rows that were committed late: units of an
    integer or hex rowversion, seconds of a timestamp.
    """

    field: str = "rowversion"
    kind: RowversionKind = "text"
    overlap: int = 0


class Parent(Value, frozen=True, kw_only=True):
    """A reference to a parent: its key fields, by the field of the child that holds the value of each."""

    ref: str
    entity: str
    fields: dict[str, str]


class Entity(Value, frozen=True, kw_only=True):
    """One kind of row. `key`, `rowversion` and `parents` name target fields, `fields` are the source's.

    `pass_unmapped`: fields without a mapping keep their name. `infer`: undeclared text of digits becomes a number, as
    the predecessor did. `bookkeeping` is left out of the data hash of scheme v2, as is the rowversion.
    """

    name: str
    key: tuple[str, ...]
    fields: tuple[SourceField, ...] = ()
    mappings: tuple[FieldMapping, ...] = ()
    pass_unmapped: bool = True
    infer: bool = False
    hash_scheme: HashScheme = "v2"
    bookkeeping: tuple[str, ...] = ("created_at", "updated_at", "created_at_utc", "updated_at_utc")
    rowversion: Rowversion = Rowversion()
    parents: tuple[Parent, ...] = ()
