"""`inventory edit`, `delete` and `add`: what a seller wants changed at CardTrader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.api_client import Api
from cli.change_answers import Deleted, Listed, Updated
from cli.change_reports import show_deleted, show_listed, show_updated
from cli.console import emit, out
from cli.errors import UnfitError
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson, User

Item = Annotated[int, typer.Argument(metavar="ITEM", min=1, help="our id of the row", show_default=False)]
Version = Annotated[int | None, typer.Option("--if-version", min=1, help="only if this is still the row's version")]
Copies = Annotated[int | None, typer.Option(min=0, help="copies there shall be")]
Cents = Annotated[int | None, typer.Option(min=0, help="price of one copy, in cents")]
Words = Annotated[str | None, typer.Option(help="text shown to buyers; '' clears")]
OwnWords = Annotated[str | None, typer.Option(help="text of your own; '' clears")]
Graded = Annotated[bool | None, typer.Option("--graded/--not-graded", help="whether the card is graded")]
Chosen = Annotated[
    list[str] | None, typer.Option("--property", "-p", help="NAME=VALUE, such as condition=Poor; may be repeated")
]


def edit(
    user: User,
    item: Item,
    quantity: Copies = None,
    price_cents: Cents = None,
    description: Words = None,
    user_data_field: OwnWords = None,
    graded: Graded = None,
    properties: Chosen = None,
    if_version: Version = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Change a listing; what is not given stays as it is."""
    body = _given(
        quantity=quantity,
        price_cents=price_cents,
        description=description,
        user_data_field=user_data_field,
        graded=graded,
        properties=_properties(properties),
    )
    with Api.connect(api_url, token) as api:
        answer = api.put(f"/inventory/{user}/item/{item}", body, _if_match(if_version))
    if as_json:
        emit(answer)
    else:
        show_updated(out(), Updated.model_validate_json(answer))


def delete(
    user: User,
    item: Item,
    if_version: Version = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Take a listing off sale."""
    with Api.connect(api_url, token) as api:
        answer = api.delete(f"/inventory/{user}/item/{item}", _if_match(if_version))
    if as_json:
        emit(answer)
    else:
        show_deleted(out(), Deleted.model_validate_json(answer))


def add(
    user: User,
    blueprint: Annotated[int | None, typer.Option(min=1, help="CardTrader's id of the printed card")] = None,
    quantity: Copies = None,
    price_cents: Cents = None,
    description: Words = None,
    user_data_field: OwnWords = None,
    graded: Graded = None,
    properties: Chosen = None,
    file: Annotated[
        Path | None, typer.Option(help="JSON array of listings instead", exists=True, dir_okay=False)
    ] = None,
    key: Annotated[str | None, typer.Option(help="sent again with the same key, it is done once")] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Put a listing on sale, or those of a file."""
    one = _given(
        blueprint_id=blueprint,
        quantity=quantity,
        price_cents=price_cents,
        description=description,
        user_data_field=user_data_field,
        graded=graded,
        properties=_properties(properties),
    )
    items = _read(file) if file else [one]
    headers = {"Idempotency-Key": key} if key else {}
    with Api.connect(api_url, token) as api:
        answer = api.post(f"/inventory/{user}/items", {"items": items}, headers=headers)
    if as_json:
        emit(answer)
    else:
        show_listed(out(), Listed.model_validate_json(answer))


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _properties(chosen: list[str] | None) -> dict[str, str] | None:
    pairs = [choice.partition("=") for choice in chosen or ()]
    if not all(equals for _, equals, _ in pairs):
        raise UnfitError("A property is given as NAME=VALUE.")
    return {name.strip(): value for name, _, value in pairs} or None


def _if_match(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def _read(file: Path) -> list[Any]:
    try:
        items = json.loads(file.read_bytes())
    except ValueError:
        raise UnfitError(f"{file} is not JSON.") from None
    if not isinstance(items, list):
        raise UnfitError(f"{file} is not an array of listings.")
    return items
