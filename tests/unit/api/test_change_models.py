"""Bodies of edits and listings: what they may hold, what clears and what keeps."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from pydantic import ValidationError

from api.cards.change_models import MOST_LISTINGS, EditRequest, NewItems
from domain.cards.edits import Wish

MAX_INT = 2**31 - 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"quantity": -1}, "quantity"),
        ({"quantity": MAX_INT + 1}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"quantity": "5"}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"price_cents": -1}, "price_cents"),
        ({"price_cents": 10**20}, "price_cents"),
        ({"price_cents": True}, "price_cents"),
        ({"description": "x" * 5001}, "description"),
        ({"description": "a\x00b"}, "description"),
        ({"user_data_field": "x" * 1001}, "user_data_field"),
        ({"user_data_field": "a\ud800b"}, "user_data_field"),
        ({"properties": {"fab_foil_new": "\udfff"}}, "properties.fab_foil_new"),
        ({"graded": "yes"}, "graded"),
        ({"colour": "red"}, "colour"),
        ({"properties": {f"k{n}": 1 for n in range(33)}}, "properties"),
        ({"properties": {"condition": "Great"}}, "properties"),
        ({"properties": {"condition": None}}, "properties.condition"),
        ({"properties": {"mtg_language": "German"}}, "properties"),
        ({"properties": {"mtg_foil": "maybe"}}, "properties"),
        ({"properties": {"x": {"y": 1}}}, "properties.x"),
        ({"properties": {"x" * 65: "y"}}, "properties"),
        ({"properties": {"a b": "y"}}, "properties"),
        ({"properties": {"cmc": "x" * 257}}, "properties.cmc"),
        ({"properties": []}, "properties"),
    ],
)
def test_limits(body: object, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        EditRequest.model_validate(body)
    assert ".".join(str(part) for part in refused.value.errors()[0]["loc"]).startswith(field)


def test_the_largest_values_pass() -> None:
    texts = {"description": "x" * 5000, "user_data_field": "é" * 1000}
    properties = {"x" * 64: "y" * 256, **{f"k{number}": 1 for number in range(31)}}
    EditRequest.model_validate({"quantity": MAX_INT, "price_cents": MAX_INT, "properties": properties, **texts})


def test_an_absent_field_keeps_null_and_blank_clear() -> None:
    assert EditRequest.model_validate({"price_cents": 5}).wish() == Wish(price_cents=5)
    cleared = EditRequest.model_validate({"description": None, "user_data_field": " ", "graded": None}).wish()
    assert (cleared.description, cleared.user_data_field, cleared.graded) == (None, None, False)
    assert (cleared.quantity, cleared.properties) == (UNSET, UNSET)


@pytest.mark.parametrize("count", [0, MOST_LISTINGS + 1])
def test_a_call_holds_one_to_five_thousand_listings(count: int) -> None:
    items = [{"blueprint_id": 7, "price_cents": 250, "quantity": 2}] * count
    with pytest.raises(ValidationError) as refused:
        NewItems.model_validate({"items": items})
    assert refused.value.errors()[0]["loc"] == ("items",)
