"""Who am I, and what is there: `/info`, `/app`, games, categories, expansions, blueprints."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Request, Response

from .blueprints import Expansion, all_expansions, blueprint, describe, expansion
from .errors import invalid, missing_parameter, not_found
from .games import GAMES, SCHEMAS, Property
from .gate import json_response
from .market import Market
from .rows import readonly_properties
from .seller import Seller
from .webhooks import is_loopback

router: Final = APIRouter()


def market_of(request: Request) -> Market:
    """The market this application simulates."""
    market = request.app.state.market
    assert isinstance(market, Market)  # noqa: S101 - narrows the type of an untyped attribute
    return market


def seller_of(request: Request) -> Seller:
    """The caller, found by the gate."""
    seller = request.scope["seller"]
    assert isinstance(seller, Seller)  # noqa: S101 - narrows the type of an untyped entry
    return seller


InMarket: TypeAlias = Annotated[Market, Depends(market_of)]
Caller: TypeAlias = Annotated[Seller, Depends(seller_of)]


class Info(msgspec.Struct, frozen=True):
    """Answer of `/info`; `webhook_url` is absent when none is set."""

    id: int
    name: str
    user_id: int
    shared_secret: str
    webhook_url: str | msgspec.UnsetType = msgspec.UNSET


class PropertyView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A property in a category or blueprint; defaults of booleans are strings."""

    name: str
    type: str
    possible_values: list[str | bool]
    default_value: str | None = None


@router.get("/info")
async def info(seller: Caller) -> Response:
    """The application of this token."""
    return json_response(_info(seller))


@router.patch("/app")
async def patch_app(request: Request, seller: Caller, market: InMarket) -> Response:
    """Set or clear the webhook address."""
    if not market.knobs.patch_app:
        raise not_found()
    url = msgspec.json.decode(await request.body() or b"{}", type=dict[str, str]).get("webhook_url", "")
    if url and not is_loopback(url):
        raise invalid({"webhook_url": ["must be a loopback address in this simulator"]})
    seller.webhook_url = url
    return json_response(_info(seller))


def _info(seller: Seller) -> Info:
    number = 4000 + seller.spec.slot
    url = seller.webhook_url or msgspec.UNSET
    return Info(number, seller.app_name, seller.spec.user_id, seller.secret, url)


@router.get("/games")
async def games(market: InMarket) -> Response:
    """All games, wrapped as in reality."""
    found = [{"id": game.id, "display_name": game.display_name, "name": game.name} for game in GAMES]
    return json_response({"array": found} if market.knobs.games_wrapped else found)


@router.get("/categories")
async def categories(game_id: str = "") -> Response:
    """Categories with their properties, read-only ones included."""
    wanted = [schema for schema in SCHEMAS if game_id in ("", str(schema.game_id))]
    return json_response([
        {"id": schema.category_id, "name": schema.category, "game_id": schema.game_id,
         "properties": [_property(item) for item in schema.editable]
            + [PropertyView(name, "string", []) for name, _ in schema.readonly]}
        for schema in wanted
    ])  # fmt: skip


@router.get("/expansions")
async def expansions() -> Response:
    """Expansions of all games."""
    return json_response([_expansion(found) for found in all_expansions()])


@router.get("/expansions/export")
async def own_expansions(seller: Caller) -> Response:
    """Expansions in which the caller holds products."""
    columns = seller.stock.columns
    held = np.unique(columns.expansion[columns.alive]).tolist()
    return json_response([_expansion(expansion(number)) for number in held if number])


@router.get("/blueprints/export")
async def blueprints(market: InMarket, expansion_id: str = "") -> Response:
    """The blueprints of an expansion; `null` for those without one."""
    if not expansion_id:
        raise missing_parameter("expansion_id")
    number = 0 if expansion_id == "null" else int(expansion_id) if expansion_id.isdigit() else -1
    ids = np.arange(1, market.universe + 1)
    found = ids[describe(ids).expansion == number]
    if number < 0 or not len(found):
        raise not_found(f"Data is not ready for blueprints_exp_{expansion_id}")
    return json_response([_blueprint(blueprint_id) for blueprint_id in found.tolist()])


def _blueprint(blueprint_id: int) -> dict[str, object]:
    found = blueprint(blueprint_id)
    schema = SCHEMAS[found.schema_index]
    return {
        "id": found.id, "name": found.name, "version": None, "game_id": schema.game_id,
        "category_id": schema.category_id, "expansion_id": found.expansion_id,
        "fixed_properties": readonly_properties(blueprint_id),
        "editable_properties": [_property(item, default=True) for item in found.editable],
        "card_market_ids": [400_000 + found.id], "tcg_player_id": 200_000 + found.id, "scryfall_id": None,
        "image_url": f"/uploads/blueprints/image/{found.id}/preview.jpg", "back_image": None,
    }  # fmt: skip


def _property(item: Property, *, default: bool = False) -> PropertyView:
    first = item.choices[0]
    text = str(first).lower() if isinstance(first, bool) else first
    return PropertyView(item.name, item.kind, list(item.choices), text if default else None)


def _expansion(found: Expansion) -> dict[str, object]:
    return {"id": found.id, "game_id": found.game_id, "code": found.code, "name": found.name}
