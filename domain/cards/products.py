"""A product as CardTrader exports it, validated and normalised (reference: cardtrader.md part 3).

CardTrader is the truth for listed stock, so normalising only gives one spelling to what means the same;
unknown keys and values are kept as they are, and codes such as `zh-CN` are never cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from xxhash import xxh3_64_intdigest

from domain.cards.chunks import KEY, Ints, Keys
from domain.cards.export_json import ArraySplitter, ExportRejected, Items
from domain.cards.vocabulary import CONDITION_SPELLINGS, CONDITIONS, FLAG_SPELLINGS, LANGUAGES

# Raised whenever normalising changes its answers: it is part of every content hash.
NORMALISER_VERSION = 1

_INT4 = 2**31 - 1
# The largest int4 is the open upper end of a key range.
_MOST_BLUEPRINT = _INT4 - 1
Int4 = Annotated[int, Meta(ge=0, le=_INT4)]
ProductId = Annotated[int, Meta(gt=0, le=2**63 - 1)]
Json = Any


class ExportKey(msgspec.Struct, gc=False):
    """What identifies a row: without it the whole export is refused."""

    id: ProductId
    blueprint_id: Json = None


class Product(msgspec.Struct, gc=False):
    """The fields of an exported product that are kept. Prices are integer cents of the account's currency."""

    id: ProductId
    blueprint_id: Annotated[int, Meta(gt=0, le=_MOST_BLUEPRINT)]
    quantity: Int4
    price_cents: Int4
    properties_hash: dict[str, Json] = {}
    description: str | None = None
    user_data_field: str | None = None
    graded: bool | int | float | str | None = None


# PostgreSQL can keep a NUL neither in text nor in jsonb. A backslash that is itself escaped escapes nothing.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_decode_keys = msgspec.json.Decoder(list[ExportKey]).decode
_decode_product = msgspec.json.Decoder(Product).decode
_decode_products = msgspec.json.Decoder(list[Product]).decode
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


def keys_of(items: Items) -> Keys:
    """Keys and hashes of raw rows, dtype `KEY`. Raises `ExportRejected` when one has no usable id."""
    try:
        keys = _decode_keys(items.array)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExportRejected("a row of the export is not a product with an id") from error
    rows = np.empty(len(keys), dtype=KEY)
    rows["blueprint"] = _blueprints([key.blueprint_id for key in keys])
    rows["product"] = [key.id for key in keys]
    hashes = map(xxh3_64_intdigest, items.raws, repeat(NORMALISER_VERSION))
    rows["hash"] = np.fromiter(hashes, dtype=np.uint64, count=len(keys)).view(np.int64)
    return rows


def read_keys(array: bytes) -> Keys:
    """`keys_of` a whole, small array. Raises `ExportRejected` when it is none, or lists a product twice."""
    splitter = ArraySplitter()
    keys = np.concatenate([keys_of(splitter.feed(array)), keys_of(splitter.close())])
    if len(np.unique(keys["product"])) != len(keys):
        raise ExportRejected("the export lists a product twice")
    return keys


def _blueprints(values: list[Json]) -> Ints:
    """The blueprints to sort by; 0 for one that is unusable, which the validation will find again."""
    # Millions of rows, and nearly always good ones: look at them all at once before looking at each.
    if not values or (set(map(type, values)) == {int} and min(values) > 0 and max(values) <= _MOST_BLUEPRINT):
        return np.array(values, dtype=np.int64)
    usable = [value if type(value) is int and 0 < value <= _MOST_BLUEPRINT else 0 for value in values]
    return np.array(usable, dtype=np.int64)


class BadProduct(Exception):
    """The product cannot be kept; the message names the field and what was expected, never its value."""

    def __init__(self, message: str, raw: msgspec.Raw) -> None:
        super().__init__(message)
        self.raw = bytes(raw)
        self.product_id: int = msgspec.json.decode(raw, type=ExportKey).id


def read_products(array: bytes, positions: Sequence[int]) -> list[Product | BadProduct]:
    """The rows of a JSON array at `positions`, each a `Product` or the reason it is none.

    One poisoned row does not touch the others.
    """
    if len(positions) > 1 and b"\\u0000" not in array:
        try:
            products = _decode_products(array)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        else:
            return [products[position] for position in positions]
    raws = _decode_raws(array)
    return [_read_one(raws[position]) for position in positions]


def _read_one(raw: msgspec.Raw) -> Product | BadProduct:
    if _NUL.search(raw):
        return BadProduct("the product holds a NUL character", raw)
    try:
        return _decode_product(raw)
    except UnicodeDecodeError:
        return BadProduct("the product is not valid UTF-8", raw)
    except msgspec.DecodeError as error:
        return BadProduct(str(error), raw)


def normalise_properties(properties: dict[str, Json]) -> dict[str, Json]:
    """One spelling for conditions and flags, in place. Idempotent; never raises."""
    for key, normalise, usual in _plan(tuple(properties)):
        value = properties[key]
        # Nearly every value is normal already: a look into a set is cheaper than a call.
        if value.__class__ is not bool and not (value.__class__ is str and value in usual):
            properties[key] = normalise(value)
    return properties


def normalise_graded(value: bool | float | str | None) -> bool | None:
    """CardTrader shows a grade as bool, 0/1, text or null: is there one?"""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip().lower()
        return FLAG_SPELLINGS.get(text, True) if text else None
    return value != 0


Rule = tuple[str, Callable[[Json], Json], frozenset[str]]


@lru_cache(maxsize=4096)
def _plan(keys: tuple[str, ...]) -> tuple[Rule, ...]:
    """The keys that have a normal form. Sellers' products share few sets of keys, so this is looked up."""
    return tuple((key, *rule) for key in keys if (rule := _rule(key)) is not None)


def _rule(key: str) -> tuple[Callable[[Json], Json], frozenset[str]] | None:
    """How to normalise a key's value, and values that need no normalising."""
    if key.endswith("condition"):
        return _normalise_condition, frozenset(CONDITIONS)
    if key in ("signed", "altered", "first_edition") or key.endswith(("_foil", "_reverse", "_first_edition")):
        return _normalise_flag, frozenset()
    return (_trim, LANGUAGES) if key.endswith("_language") else None


def _normalise_condition(value: Json) -> Json:
    return CONDITION_SPELLINGS.get(value.strip().lower(), value.strip()) if isinstance(value, str) else value


def _normalise_flag(value: Json) -> Json:
    """A flag spelt as text or 0/1; finishes such as "Cold Foil" are no flags and stay."""
    if isinstance(value, str):
        return FLAG_SPELLINGS.get(value.strip().lower(), value.strip())
    return FLAG_SPELLINGS.get(value, value) if isinstance(value, int) else value


def _trim(value: Json) -> Json:
    return value.strip() if isinstance(value, str) else value
