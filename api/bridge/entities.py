"""Entities: what is synchronised, and how its rows are read, checked and recognised."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bridge.configuring import (
    configuring,
    known_entity,
    require_childless,
    require_same_identity,
    require_scheme,
    require_sound,
    require_unscheduled,
)
from api.bridge.deps import OPERATOR, READER, ServicesDep
from api.bridge.entity_models import Entity, EntityBody, EntityChange, EntityPage, EntitySummary
from api.bridge.errors import BatchInProgress, EntityExists
from api.bridge.parameters import PREFIX, EntityKey, PagingDep
from api.bridge.services import BridgeServices
from api.errors import documented
from api.parameters import Text
from db.bridge import entities, history, mappings
from db.bridge.entities import Filters, SavedEntity, SyncStats
from workflows.bridge.schedules import STOPPED

router = APIRouter(prefix=PREFIX, tags=["entities"])

SearchQuery = Annotated[Text | None, Query(min_length=1, max_length=100, description="a part of the name")]
EnabledQuery = Annotated[bool | None, Query(description="only those that may, or may not, be synchronised")]


@router.get("/entities", dependencies=READER, responses=documented(400, 401, 403, 422))
async def list_entities(
    services: ServicesDep, paging: PagingDep, search: SearchQuery = None, sync_enabled: EnabledQuery = None
) -> EntityPage:
    """The entities that are defined, by name."""
    async with services.transaction() as connection:
        found, total = await entities.page(
            connection, Filters(search, sync_enabled), limit=paging.size, offset=paging.offset
        )
        stats = await entities.stats(connection, [saved.stored.entity_name for saved in found])
    items = [_summary(saved, stats.get(saved.stored.entity_name, SyncStats())) for saved in found]
    return EntityPage(items=items, **paging.of(total))


@router.post("/entities", status_code=201, dependencies=OPERATOR, responses=documented(400, 401, 403, 409, 413, 422))
async def define_entity(body: EntityBody, services: ServicesDep) -> Entity:
    """Define an entity with its mappings. 400 names everything that is wrong with it, cycles of parents included."""
    stored = body.stored()
    async with configuring(services) as connection:
        if await entities.find(connection, stored.entity_name):
            raise EntityExists(stored.entity_name)
        await require_sound(connection, stored)
        await require_scheme(connection, stored)
        await entities.add(connection, stored, sync_enabled=body.sync_enabled, sync_schedule=body.sync_schedule)
        await _keep_schedule(services, None, await known_entity(connection, stored.entity_name))
        return await _shown(connection, stored.entity_name)


@router.get("/entities/{entity}", dependencies=READER, responses=documented(401, 403, 404, 422))
async def show_entity(entity: EntityKey, services: ServicesDep) -> Entity:
    """One entity with its mappings."""
    async with services.transaction() as connection:
        return await _shown(connection, entity)


@router.put("/entities/{entity}", dependencies=OPERATOR, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def change_entity(entity: EntityKey, body: EntityChange, services: ServicesDep) -> Entity:
    """Change what is given. A batch that runs keeps the configuration it began with."""
    async with configuring(services) as connection:
        saved = await known_entity(connection, entity)
        stored = body.applied(saved)
        await require_sound(connection, stored)
        await require_same_identity(connection, saved, stored)
        enabled = saved.sync_enabled if body.sync_enabled is None else body.sync_enabled
        await entities.change(connection, saved.uid, stored, sync_enabled=enabled, sync_schedule=body.schedule(saved))
        if body.field_mappings is not None:
            await mappings.replace(connection, stored.entity_name, stored.mappings)
        await _keep_schedule(services, saved, await known_entity(connection, str(saved.uid)))
        return await _shown(connection, str(saved.uid))


@router.delete(
    "/entities/{entity}", status_code=204, dependencies=OPERATOR, responses=documented(401, 403, 404, 409, 422)
)
async def delete_entity(entity: EntityKey, services: ServicesDep) -> Response:
    """Delete an entity and its mappings. Batches, dead letters and known rows stay; nothing is deleted at the hub."""
    async with configuring(services) as connection:
        saved = await known_entity(connection, entity)
        await require_childless(connection, saved)
        await require_unscheduled(connection, saved)
        running = await history.open_batch(connection, saved.stored.source_system, saved.stored.entity_name)
        if running is not None:
            raise BatchInProgress(saved.stored.entity_name, running.uid)
        await entities.remove(connection, saved.uid)
        await _keep_schedule(services, saved, None)
    return Response(status_code=204)


async def _keep_schedule(services: BridgeServices, before: SavedEntity | None, after: SavedEntity | None) -> None:
    """Inside the transaction: what Temporal does not take is not saved. What is saved and not told, workers tell."""
    was = None if before is None else before.scheduled
    now = None if after is None else after.scheduled
    if now is not None and now != was:
        await services.entity_schedules.put(now, held=None if await services.schedules.is_running() else STOPPED)
    elif was is not None and now is None:
        await services.entity_schedules.remove(was)


async def _shown(connection: AsyncConnection, key: str) -> Entity:
    saved = await known_entity(connection, key)
    stats = await entities.stats(connection, [saved.stored.entity_name])
    return Entity.of(saved, stats.get(saved.stored.entity_name, SyncStats()))


def _summary(saved: SavedEntity, stats: SyncStats) -> EntitySummary:
    return EntitySummary(
        uid=saved.uid,
        entity_name=saved.stored.entity_name,
        source_system=saved.stored.source_system,
        connector_api_slug=saved.stored.connector_api_slug,
        sync_enabled=saved.sync_enabled,
        total_syncs=stats.total_syncs,
        last_sync_at=stats.last_sync_at,
        last_sync_status=stats.last_sync_status,
    )
