"""Mappings of an entity's fields. A change is checked with the entity it belongs to, and counts from the next batch."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bridge.configuring import configuring, known_entity, require_sound
from api.bridge.deps import OPERATOR, READER, ServicesDep
from api.bridge.errors import EntityInvalid, MappingExists, MappingNotFound
from api.bridge.mapping_models import (
    MOST_MAPPINGS,
    Mapping,
    MappingBodies,
    MappingBody,
    MappingChange,
    MappingList,
    MappingsCreated,
)
from api.bridge.parameters import PREFIX, EntityKey
from api.errors import documented
from db.bridge import mappings
from db.bridge.entities import SavedEntity
from db.bridge.mappings import SavedMapping
from domain.pipeline.definition import StoredMapping

router = APIRouter(prefix=PREFIX, tags=["mappings"])

MappingUid = Annotated[UUID, Path(description="id of the mapping")]


@router.get("/mappings/{entity}", dependencies=READER, responses=documented(401, 403, 404, 422))
async def list_mappings(entity: EntityKey, services: ServicesDep) -> MappingList:
    """The mappings of an entity, by their source field."""
    async with services.transaction() as connection:
        saved = await known_entity(connection, entity)
    shown = [Mapping.of(mapping) for mapping in saved.mappings]
    return MappingList(entity_name=saved.stored.entity_name, total=len(shown), mappings=shown)


@router.post(
    "/mappings/{entity}",
    status_code=201,
    dependencies=OPERATOR,
    responses=documented(400, 401, 403, 404, 409, 413, 422),
)
async def add_mapping(entity: EntityKey, body: MappingBody, services: ServicesDep) -> Mapping:
    """Add a mapping."""
    [added] = await _add(services, entity, [body.stored()])
    return added


@router.post(
    "/mappings/{entity}/bulk",
    status_code=201,
    dependencies=OPERATOR,
    responses=documented(400, 401, 403, 404, 409, 413, 422),
)
async def add_mappings(entity: EntityKey, body: MappingBodies, services: ServicesDep) -> MappingsCreated:
    """Add several mappings, all or none."""
    added = await _add(services, entity, [mapping.stored() for mapping in body.mappings])
    return MappingsCreated(created=len(added), mappings=added)


# Before the route of one mapping: "all" is no uid, but that route would take the request and refuse it.
@router.delete(
    "/mappings/{entity}/all", status_code=204, dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 422)
)
async def remove_mappings(entity: EntityKey, services: ServicesDep) -> Response:
    """Remove all mappings of an entity."""
    async with configuring(services) as connection:
        saved = await known_entity(connection, entity)
        await _require_sound_with(connection, saved, [])
        await mappings.remove(connection, [mapping.uid for mapping in saved.mappings])
    return Response(status_code=204)


@router.put("/mappings/{entity}/{uid}", dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def change_mapping(entity: EntityKey, uid: MappingUid, body: MappingChange, services: ServicesDep) -> Mapping:
    """Change what is given of a mapping."""
    async with configuring(services) as connection:
        saved = await known_entity(connection, entity)
        changed = body.applied(_known_mapping(saved, uid).stored)
        await _require_sound_with(connection, saved, [*_stored(saved, without=uid), changed])
        await mappings.change(connection, uid, changed)
        return Mapping.of(_known_mapping(await known_entity(connection, str(saved.uid)), uid))


@router.delete(
    "/mappings/{entity}/{uid}", status_code=204, dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 422)
)
async def remove_mapping(entity: EntityKey, uid: MappingUid, services: ServicesDep) -> Response:
    """Remove a mapping."""
    async with configuring(services) as connection:
        saved = await known_entity(connection, entity)
        _known_mapping(saved, uid)
        await _require_sound_with(connection, saved, _stored(saved, without=uid))
        await mappings.remove(connection, [uid])
    return Response(status_code=204)


async def _add(services: ServicesDep, key: str, added: list[StoredMapping]) -> list[Mapping]:
    async with configuring(services) as connection:
        saved = await known_entity(connection, key)
        await _require_sound_with(connection, saved, [*_stored(saved), *added])
        uids = await mappings.add(connection, saved.stored.entity_name, added)
        now = {mapping.uid: mapping for mapping in (await known_entity(connection, str(saved.uid))).mappings}
    return [Mapping.of(now[uid]) for uid in uids]


async def _require_sound_with(connection: AsyncConnection, saved: SavedEntity, together: list[StoredMapping]) -> None:
    """Raise `MappingExists` or `EntityInvalid` when the entity cannot be used with these mappings."""
    pairs = Counter((mapping.source_field, mapping.target_field) for mapping in together)
    (source, target), times = max(pairs.items(), key=itemgetter(1), default=(("", ""), 0))
    if times > 1:
        raise MappingExists(source_field=source, target_field=target)
    if len(together) > MOST_MAPPINGS:
        raise EntityInvalid([f"An entity has at most {MOST_MAPPINGS} mappings."])
    await require_sound(connection, msgspec.structs.replace(saved.stored, mappings=tuple(together)))


def _stored(saved: SavedEntity, without: UUID | None = None) -> list[StoredMapping]:
    return [mapping.stored for mapping in saved.mappings if mapping.uid != without]


def _known_mapping(saved: SavedEntity, uid: UUID) -> SavedMapping:
    for mapping in saved.mappings:
        if mapping.uid == uid:
            return mapping
    raise MappingNotFound(f"Mapping not found: {uid}", entity_name=saved.stored.entity_name, mapping_uid=str(uid))
