"""Renders stock rows as export JSON, a block at a time: fragments are prepared per schema, expansion and combination,
so that a row costs one string formatting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec
import numpy as np

from .blueprints import Blueprints, Ints, describe, expansion, mix, pick
from .games import GAMES, SCHEMAS
from .generator import Columns

JsonScalar: TypeAlias = str | int | float | bool | None

_ROW: Final = (
    '{"id":%d,"name_en":"%s","quantity":%d,"description":%s,"price_cents":%d,"price_currency":"%s","game_id":%d,'
    '"category_id":%d,"blueprint_id":%d,"user_id":%d,"graded":%s,"tag":%s,"user_data_field":%s,"bundle_size":%d,'
    '"bundled_quantity":%d,"uploaded_images":%s,%s"properties_hash":{%s%s}}'
)
_DESCRIPTIONS: Final = ('""', '""', '""', '""', "null", "null", '"Ships in toploader"', '"Perfetto, come nuovo è 100%"')
_TAGS: Final = ('""', '""', '""', "null", '"binder-3"')
_GRADED: Final = (*("false",) * 24, *("null",) * 6, "0", '"9.5"')
_IMAGES: Final = (*("[]",) * 15, '[{"id":1234,"url":"/uploads/1234.jpg"}]')


class Texts(msgspec.Struct, frozen=True):
    """The free fields of one product; what a mutation wrote in place of the generated ones."""

    description: str | None = None
    user_data_field: str | None = None
    tag: str | None = None
    graded: JsonScalar = False


@dataclass(frozen=True, slots=True)
class Owner:
    """The seller's identity, which every row repeats."""

    user_id: int
    currency: str


def generated_texts(product_id: int) -> Texts:
    """The free fields a pristine product shows."""
    fragments = _texts(np.array([product_id], np.int64))
    description, sku, tag, graded = (json.loads(column[0]) for column in fragments)
    return Texts(description, sku, tag, graded)


def render(stock: Columns, owner: Owner, changed: Mapping[int, Texts]) -> list[str]:
    """JSON objects of the rows still alive; `changed` holds the free fields (by product id) that were written since."""
    alive = np.flatnonzero(stock.alive)
    if len(alive) == 0:
        return []
    ids, blueprints = stock.id[alive], describe(stock.blueprint[alive])
    identifiers, schemas = ids.tolist(), blueprints.schema.tolist()
    descriptions, skus, tags, graded = _texts(ids)
    if changed:
        _overwrite(identifiers, changed, (descriptions, skus, tags, graded))
    quantities, bundles = stock.quantity[alive].tolist(), stock.bundle[alive].tolist()
    images = pick(mix(ids, 7), 0, len(_IMAGES)).tolist()
    return [
        _ROW % (identifier, name, quantity, description, price, owner.currency, SCHEMAS[schema].game_id,
                SCHEMAS[schema].category_id, blueprint, owner.user_id, grade, tag, sku, bundle, quantity * bundle,
                _IMAGES[image], _expansion_member(schema, belongs), _editable(schema, choices), _readonly(schema, look))
        for identifier, name, quantity, description, price, schema, blueprint, grade, tag, sku, bundle, image, belongs,
            choices, look in zip(
                identifiers, blueprints.names, quantities, descriptions, stock.price[alive].tolist(), schemas,
                blueprints.ids.tolist(), graded, tags, skus, bundles, images, blueprints.expansion.tolist(),
                map(tuple, stock.properties[alive].tolist()), _looks(blueprints).tolist(), strict=True)
    ]  # fmt: skip


Fragments: TypeAlias = tuple[list[str], list[str], list[str], list[str]]


def _texts(ids: Ints) -> Fragments:
    """JSON fragments of description, user_data_field, tag and graded."""
    hashes = mix(ids, 3)
    looks = pick(hashes, 20, 10).tolist()
    return (
        [_DESCRIPTIONS[index] for index in pick(hashes, 0, len(_DESCRIPTIONS)).tolist()],
        [_sku(identifier, look) for identifier, look in zip(ids.tolist(), looks, strict=True)],
        [_TAGS[index] for index in pick(hashes, 8, len(_TAGS)).tolist()],
        [_GRADED[index] for index in pick(hashes, 14, len(_GRADED)).tolist()],
    )


def _sku(identifier: int, look: int) -> str:
    if look < 5:
        return f'"sku-{identifier}"'
    return '""' if look < 9 else "null"


def _overwrite(identifiers: Sequence[int], changed: Mapping[int, Texts], fragments: Fragments) -> None:
    for row, identifier in enumerate(identifiers):
        if texts := changed.get(identifier):
            values = (texts.description, texts.user_data_field, texts.tag, texts.graded)
            for column, value in zip(fragments, values, strict=True):
                column[row] = json.dumps(value, ensure_ascii=False)


def _looks(blueprints: Blueprints) -> Ints:
    """A small number standing for a blueprint, which its read-only properties follow from."""
    return pick(blueprints.hashes, 40, 700)


@lru_cache(maxsize=4096)
def _expansion_member(schema: int, expansion_id: int) -> str:
    """The expansion member with its comma; some games never show it, some products have none."""
    if not GAMES[schema // 2].shows_expansion:
        return ""
    if not expansion_id:
        return '"expansion":null,'
    found = expansion(expansion_id)
    return f'"expansion":{{"id":{found.id},"code":"{found.code}","name_en":"{found.name}"}},'


@lru_cache(maxsize=65536)
def _editable(schema: int, choices: tuple[int, ...]) -> str:
    members = ((item.name, item.choices[choices[item.slot]]) for item in SCHEMAS[schema].editable)
    return ",".join(f'"{name}":{json.dumps(value)}' for name, value in members)


@lru_cache(maxsize=65536)
def _readonly(schema: int, look: int) -> str:
    """Read-only members with a leading comma each; `look` stands for the blueprint."""
    return "".join(
        f',"{name}":{values[look * (7 + index) % len(values)]}'
        for index, (name, values) in enumerate(SCHEMAS[schema].readonly)
    )


def readonly_properties(blueprint_id: int) -> dict[str, JsonScalar]:
    """The read-only properties of a blueprint's products."""
    found = describe(np.array([blueprint_id], np.int64))
    fragment = _readonly(int(found.schema[0]), int(_looks(found)[0]))
    members: dict[str, JsonScalar] = json.loads("{" + fragment[1:] + "}")
    return members
