"""Changes a seller makes to products through the API: validation, warnings, strict mode, merging, deletion at zero.

RefusedError           values are refused, nothing was written; `errors` has reasons by field
UnknownProductError    no such product on sale by this seller
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

import msgspec

from .blueprints import Blueprint, blueprint
from .clock import Ids
from .games import SCHEMAS, SLOTS
from .knobs import Knobs
from .order_shapes import Money
from .rows import Texts
from .seller import Seller
from .stock import Listing

Body: TypeAlias = Mapping[str, object]
Warnings: TypeAlias = dict[str, list[str]]

_TEXT_FIELDS: Final = ("description", "user_data_field", "tag")


class RefusedError(Exception):
    """Values are refused."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


class UnknownProductError(Exception):
    """There is no such product on sale."""


class Resource(msgspec.Struct, frozen=True):
    """A product in the shape of mutation answers."""

    id: int
    quantity: int
    bundle_size: int
    description: str | None
    graded: int
    game_id: int
    category_id: int
    expansion_id: int | None
    blueprint_id: int
    price: Money
    properties: dict[str, str | bool]
    user_data_field: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """The outcome of one mutation; `warnings` by property."""

    resource: Resource
    warnings: Warnings


class Products:
    """Applies API changes to one seller's stock."""

    def __init__(self, seller: Seller, ids: Ids, knobs: Knobs, universe: int) -> None:
        self._seller = seller
        self._stock = seller.stock
        self._ids = ids
        self._knobs = knobs
        self._universe = universe

    def show(self, product_id: int) -> Resource:
        """One product. Raises UnknownProductError."""
        return self._resource(self._stock.read(self._row(product_id)))

    def create(self, body: Body) -> Change:
        """Put a product on sale, or add to "one such product". Raises RefusedError."""
        blueprint_id = body.get("blueprint_id")
        if not _is_int(blueprint_id) or not 1 <= blueprint_id <= self._universe:
            raise RefusedError({"blueprint_id": ["Blueprint cant be blank"]})
        missing = {
            name: [f"{name.capitalize()} cant be blank"] for name in ("price", "quantity") if body.get(name) is None
        }
        if missing:
            raise RefusedError(missing)
        print_ = blueprint(blueprint_id)
        blank = Listing(0, print_.id, 0, 0, (0,) * len(SLOTS), 1, Texts())
        listing, warnings = self._apply(blank, print_, body)
        if listing.quantity <= 0:
            raise RefusedError({"quantity": ["must be greater than 0"]})
        return Change(self._resource(self._merge(listing, print_)), warnings)

    def update(self, product_id: int, body: Body) -> Change:
        """Change some fields; the quantity is absolute. Raises RefusedError, UnknownProductError."""
        row = self._row(product_id)
        before = self._stock.read(row)
        listing, warnings = self._apply(before, blueprint(before.blueprint_id), body)
        if listing.quantity <= 0 and self._knobs.zero_quantity == "reject":
            raise RefusedError({"quantity": ["must be greater than 0"]})
        self._stock.write(row, listing)
        if listing.quantity <= 0 and self._knobs.zero_quantity == "delete":
            self._stock.remove(row)
        return Change(self._resource(listing), warnings)

    def increment(self, product_id: int, body: Body) -> Change:
        """Change a quantity by a difference. Raises RefusedError, UnknownProductError."""
        row, delta = self._row(product_id), body.get("delta_quantity")
        if not _is_int(delta):
            raise RefusedError({"delta_quantity": ["is not a number"]})
        self._stock.set_quantity(row, int(self._stock.columns.quantity[row]) + delta)
        return Change(self._resource(self._stock.read(row)), {})

    def destroy(self, product_id: int) -> Change:
        """Take a product off sale. Raises UnknownProductError."""
        row = self._row(product_id)
        resource = self._resource(self._stock.read(row))
        self._stock.remove(row)
        return Change(resource, {})

    def _row(self, product_id: int) -> int:
        row = self._stock.find(product_id)
        if row is None:
            raise UnknownProductError
        return row

    def _merge(self, listing: Listing, print_: Blueprint) -> Listing:
        """Add to the product with the same merge key, else append; returns what is then on sale."""
        for row in self._stock.rows_where("blueprint", print_.id).tolist():
            found = self._stock.read(row)
            if self._key(found) == self._key(listing):
                price = listing.price_cents if self._knobs.merge_price == "overwrite" else found.price_cents
                found = msgspec.structs.replace(found, quantity=found.quantity + listing.quantity, price_cents=price)
                self._stock.write(row, found)
                return found
        created = msgspec.structs.replace(listing, id=next(self._ids.product))
        self._stock.append(created, print_)
        return created

    def _key(self, listing: Listing) -> tuple[object, ...]:
        knobs, texts = self._knobs, listing.texts
        return (
            listing.properties, listing.bundle_size,
            listing.price_cents if knobs.merge_on_price else None,
            texts.description if knobs.merge_on_description else None,
            texts.user_data_field if knobs.merge_on_user_data_field else None,
        )  # fmt: skip

    def _apply(self, before: Listing, print_: Blueprint, body: Body) -> tuple[Listing, Warnings]:
        errors: dict[str, list[str]] = {}
        properties, warnings = _choose(before.properties, print_, body.get("properties"))
        if warnings and body.get("error_mode") == "strict":
            raise RefusedError({"properties": [text for texts in warnings.values() for text in texts]})
        listing = msgspec.structs.replace(
            before, properties=properties, texts=_texts(before.texts, body, errors),
            price_cents=_price(before.price_cents, body, errors),
            quantity=_count("quantity", before.quantity, body, errors),
            bundle_size=_count("bundle_size", before.bundle_size, body, errors),
        )  # fmt: skip
        if errors:
            raise RefusedError(errors)
        return listing, warnings

    def _resource(self, listing: Listing) -> Resource:
        print_, texts = blueprint(listing.blueprint_id), listing.texts
        schema = SCHEMAS[print_.schema_index]
        return Resource(
            listing.id, listing.quantity, listing.bundle_size, texts.description, int(bool(texts.graded)),
            schema.game_id, schema.category_id, print_.expansion_id, print_.id,
            Money(listing.price_cents, self._seller.spec.currency),
            {item.name: item.choices[listing.properties[item.slot]] for item in schema.editable},
            texts.user_data_field, texts.tag,
        )  # fmt: skip


def _choose(before: tuple[int, ...], print_: Blueprint, wanted: object) -> tuple[tuple[int, ...], Warnings]:
    """The chosen properties, and a warning for each one that was ignored."""
    chosen, warnings = list(before), Warnings()
    if wanted is None:
        return before, warnings
    if not isinstance(wanted, Mapping):
        raise RefusedError({"properties": ["is not an object"]})
    editable = {item.name: item for item in print_.editable}
    for name, value in wanted.items():
        item = editable.get(name)
        if item is None:
            warnings[name] = [f"Read only property {name} has been ignored"]
        elif not any(value is choice or (value == choice and type(value) is type(choice)) for choice in item.choices):
            warnings[name] = [f"Not allowed value {_shown(value)} for {name} has been ignored"]
        else:
            chosen[item.slot] = item.choices.index(value)
    return tuple(chosen), warnings


def _shown(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _texts(before: Texts, body: Body, errors: dict[str, list[str]]) -> Texts:
    values = {name: body[name] for name in _TEXT_FIELDS if name in body}
    errors.update({name: ["is not a text"] for name, value in values.items() if not isinstance(value, str | None)})
    if "graded" in body and not isinstance(body["graded"], str | int | float | None):
        errors["graded"] = ["is not a grading value"]
    if errors:
        return before
    changed = {name: body[name] for name in (*_TEXT_FIELDS, "graded") if name in body}
    return msgspec.structs.replace(before, **changed)


def _price(before: int, body: Body, errors: dict[str, list[str]]) -> int:
    price = body.get("price")
    if price is None:
        return before
    if isinstance(price, bool) or not isinstance(price, int | float) or round(price * 100) <= 0:
        errors["price"] = ["must be greater than 0"]
        return before
    return round(price * 100)


def _count(name: str, before: int, body: Body, errors: dict[str, list[str]]) -> int:
    value = body.get(name)
    if value is None:
        return before
    if not _is_int(value) or value < 0:
        errors[name] = ["must be greater than or equal to 0"]
        return before
    return value


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
