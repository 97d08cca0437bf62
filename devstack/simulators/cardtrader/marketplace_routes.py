"""What all sellers offer, as buyers see it: at most 25 cheapest offers per blueprint."""

from __future__ import annotations

from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from .blueprints import blueprint, expansion
from .catalogue_routes import InMarket
from .errors import missing_parameter
from .games import FINISH, LANGUAGE, SCHEMAS
from .gate import json_response
from .order_shapes import Money
from .seller import Seller
from .stock import Listing

router: Final = APIRouter()
_OFFERS: Final = 25


class Vendor(msgspec.Struct, frozen=True):
    """Who offers."""

    id: int
    username: str
    country_code: str = "IT"
    user_type: str = "normal"
    can_sell_via_hub: bool = True
    can_sell_sealed_with_ct_zero: bool = False
    max_sellable_in24h_quantity: int | None = None
    too_many_request_for_cancel_as_seller: bool = False


class Offer(msgspec.Struct, frozen=True):
    """One offer; prices are the buyer's."""

    id: int
    blueprint_id: int
    name_en: str
    expansion: dict[str, str | int] | None
    price_cents: int
    price_currency: str
    quantity: int
    description: str | None
    properties_hash: dict[str, str | bool]
    graded: bool | None
    bundle_size: int
    on_vacation: bool
    user: Vendor
    price: Money


@router.get("/marketplace/products")
async def offers(
    request: Request, market: InMarket, blueprint_id: int = 0, expansion_id: int = 0, language: str = ""
) -> Response:
    """Offers by blueprint id, cheapest first."""
    if not blueprint_id and not expansion_id:
        raise missing_parameter("blueprint_id")
    column, value = ("blueprint", blueprint_id) if blueprint_id else ("expansion", expansion_id)
    found: dict[str, list[Offer]] = {}
    for seller in market.sellers.values():
        for row in seller.stock.rows_where(column, value).tolist():
            listing = seller.stock.read(row)
            if _is_wanted(listing, language, request.query_params.get("foil")):
                found.setdefault(str(listing.blueprint_id), []).append(_offer(seller, listing))
    cheapest = {key: sorted(rows, key=lambda offer: offer.price_cents)[:_OFFERS] for key, rows in found.items()}
    return json_response(cheapest)


def _is_wanted(listing: Listing, language: str, foil: str | None) -> bool:
    schema = SCHEMAS[blueprint(listing.blueprint_id).schema_index]
    spoken = schema.in_slot(LANGUAGE)
    speaks = not language or (spoken is not None and spoken.choices[listing.properties[LANGUAGE]] == language)
    return speaks and (foil is None or (listing.properties[FINISH] > 0) == (foil == "true"))


def _offer(seller: Seller, listing: Listing) -> Offer:
    print_, currency = blueprint(listing.blueprint_id), seller.spec.currency
    home = expansion(print_.expansion_id) if print_.expansion_id else None
    price = listing.price_cents + max(1, listing.price_cents // 20)
    return Offer(
        listing.id, listing.blueprint_id, print_.name,
        {"id": home.id, "code": home.code, "name_en": home.name} if home else None, price, currency,
        listing.quantity, listing.texts.description,
        {item.name: item.choices[listing.properties[item.slot]] for item in SCHEMAS[print_.schema_index].editable},
        None, listing.bundle_size, False, Vendor(seller.spec.user_id, f"seller{seller.spec.slot}"),
        Money(price, currency),
    )  # fmt: skip
