"""`bridge entities` and `bridge mappings`: what is synchronised, and how its fields reach the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.api_client import Api
from cli.bridge.answers import Entities, MappingLine, Mappings
from cli.bridge.calling import bridge_api, given, show_pages, show_rows
from cli.console import emit, out
from cli.errors import RefusedError, UnfitError
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson

app = typer.Typer(no_args_is_help=True, help="Define what is synchronised.")
mappings_app = typer.Typer(no_args_is_help=True, help="Say how fields reach the hub.")

Entity = Annotated[str, typer.Argument(metavar="ENTITY", help="its name or uid", show_default=False)]
Definition = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON as the API takes it", exists=True, dir_okay=False)
]
Page = Annotated[int, typer.Option(min=1, help="which page")]


@app.command("list")
def list_entities(
    search: Annotated[str | None, typer.Option(help="only names that contain this")] = None,
    page: Page = 1,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show the entities."""
    with bridge_api(api_url, token) as api:
        answer = api.get("/entities", given(search=search, page=page))
    if as_json:
        return emit(answer)
    found = Entities.model_validate_json(answer)
    titles = {"entity": "left", "source": "left", "slug": "left", "enabled": "left", "syncs": "right", "last": "left"}
    show_rows(
        titles,
        [
            [
                each.entity_name,
                each.source_system,
                each.connector_api_slug,
                "yes" if each.sync_enabled else "no",
                f"{each.total_syncs:,}",
                each.last_sync_status,
            ]
            for each in found.items
        ],
    )
    return show_pages(found.total, found.page, found.total_pages)


@app.command()
def show(entity: Entity, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Show an entity as JSON: what `define` takes, and what its syncs came to."""
    with bridge_api(api_url, token) as api:
        answer = api.get(f"/entities/{entity}")
    out().print_json(answer)


@app.command()
def define(
    definition: Definition, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Define an entity from a file, or change it to what the file says; mappings are set anew."""
    body = _read(definition)
    name = str(body.get("entity_name", ""))
    with bridge_api(api_url, token) as api:
        answer = _defined(api, name, body)
    if as_json:
        emit(answer)
    else:
        out().print(f"{name} is defined", soft_wrap=True)


@app.command()
def remove(entity: Entity, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Delete an entity and its mappings; its rows stay at the hub."""
    with bridge_api(api_url, token) as api:
        api.delete(f"/entities/{entity}")
    out().print(f"{entity} is deleted", soft_wrap=True)


@mappings_app.command("list")
def list_mappings(
    entity: Entity, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Show the mappings of an entity."""
    with bridge_api(api_url, token) as api:
        answer = api.get(f"/mappings/{entity}")
    if as_json:
        return emit(answer)
    titles = dict.fromkeys(("mapping", "source", "target", "transformation", "default", "required", "rules"), "left")
    return show_rows(titles, [_cells(each) for each in Mappings.model_validate_json(answer).mappings])


@mappings_app.command()
def add(
    entity: Entity,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="field of the source", show_default=False)],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="its name at the hub", show_default=False)],
    transformation: Annotated[str | None, typer.Option(help="uppercase, trim, ...")] = None,
    default: Annotated[str | None, typer.Option(help="in place of a missing value")] = None,
    required: Annotated[bool, typer.Option("--required", help="a row without a value fails")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Add a mapping."""
    body = given(source_field=source, target_field=target, transformation=transformation, default_value=default)
    with bridge_api(api_url, token) as api:
        answer = api.post(f"/mappings/{entity}", {**body, "is_required": required})
    if as_json:
        emit(answer)
    else:
        out().print(f"Mapping {MappingLine.model_validate_json(answer).uid} is added", soft_wrap=True)


@mappings_app.command("remove")
def remove_mapping(
    entity: Entity,
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help='its uid, or "all"', show_default=False)],
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
) -> None:
    """Remove a mapping, or all of them."""
    with bridge_api(api_url, token) as api:
        api.delete(f"/mappings/{entity}/{mapping}")
    out().print("Removed")


def _read(definition: Path) -> dict[str, Any]:
    try:
        body = json.loads(definition.read_text())
    except (OSError, ValueError):
        raise UnfitError(f"{definition} holds no JSON that can be read") from None
    if not isinstance(body, dict):
        raise UnfitError(f"{definition} holds no JSON object")
    return body


def _defined(api: Api, name: str, body: dict[str, Any]) -> str:
    try:
        return api.post("/entities", body)
    except RefusedError as refusal:
        if refusal.code != "ENTITY_EXISTS":
            raise
    changed = {"field_mappings": [], **{key: value for key, value in body.items() if key != "entity_name"}}
    return api.put(f"/entities/{name}", changed)


def _cells(mapping: MappingLine) -> list[object]:
    return [
        mapping.uid,
        mapping.source_field,
        mapping.target_field,
        mapping.transformation,
        mapping.default_value,
        "yes" if mapping.is_required else "",
        " ".join(str(rule.get("type")) for rule in mapping.validation_rule),
    ]
