"""What every change of the configuration goes through: one at a time, whole, and checked before it is kept.

Once saved, no stage can fail because of the configuration, and no key of a known row changes its meaning.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from api.bridge.errors import EntityHasState, EntityInUse, EntityInvalid, EntityNotFound
from api.bridge.services import BridgeServices
from db.bridge import entities
from db.bridge.entities import SavedEntity
from domain.pipeline.config_check import entity_problems, source_problems
from domain.pipeline.definition import StoredEntity, definition
from domain.pipeline.family import family_problems


@asynccontextmanager
async def configuring(services: BridgeServices) -> AsyncIterator[AsyncConnection]:
    """A transaction in which nobody else changes the configuration."""
    async with services.transaction() as connection:
        await entities.lock(connection)
        yield connection


async def known_entity(connection: AsyncConnection, key: str) -> SavedEntity:
    """The entity of that uid or name. Raises `EntityNotFound`."""
    found = await entities.find(connection, key)
    if found is None:
        raise EntityNotFound(key)
    return found


async def require_sound(connection: AsyncConnection, stored: StoredEntity) -> None:
    """Raise `EntityInvalid` with everything that is wrong with an entity, alone and among the others."""
    defined = definition(stored)
    others = [definition(saved.stored) for saved in await entities.everything(connection)]
    problems = (
        *source_problems(defined.source),
        *entity_problems(defined.entity, defined.source),
        *family_problems(defined, others),
    )
    if problems:
        raise EntityInvalid(problems)


async def require_same_identity(connection: AsyncConnection, saved: SavedEntity, stored: StoredEntity) -> None:
    """Raise `EntityHasState` when rows are known whose keys would mean something else."""
    if _identity(saved.stored) == _identity(stored):
        return
    await require_unscheduled(connection, saved)
    known = await entities.state_scheme(connection, saved.stored.source_system, saved.stored.entity_name)
    if known is not None:
        raise EntityHasState(
            "Rows of the entity are known by their keys. Its source system, key and hash scheme stay; "
            "define another entity instead.",
            entity_name=stored.entity_name,
        )


async def require_scheme(connection: AsyncConnection, stored: StoredEntity) -> None:
    """Raise `EntityHasState` when rows of an earlier entity of the name are known by another hash scheme."""
    known = await entities.state_scheme(connection, stored.source_system, stored.entity_name)
    if known not in (None, stored.options.hash_scheme):
        raise EntityHasState(
            f"Rows of an entity of this name are known by hash scheme {known}.", entity_name=stored.entity_name
        )


async def require_unscheduled(connection: AsyncConnection, saved: SavedEntity) -> None:
    """Raise `EntityInUse` while a background schedule works through it."""
    if await entities.has_schedule(connection, saved.stored.entity_name):
        raise _in_use(saved, "A background schedule works through the entity. Delete the schedule first.", ["schedule"])


async def require_childless(connection: AsyncConnection, saved: SavedEntity) -> None:
    """Raise `EntityInUse` while other entities name it as their parent."""
    name = saved.stored.entity_name
    children = [
        other.stored.entity_name
        for other in await entities.everything(connection)
        if any(ref.parent_entity == name for ref in other.stored.parent_refs_config.values())
    ]
    if children:
        raise _in_use(saved, f"Entities have it as their parent: {', '.join(children)}.", children)


def _identity(stored: StoredEntity) -> tuple[object, ...]:
    return stored.source_system, stored.business_key_fields, stored.options.hash_scheme


def _in_use(saved: SavedEntity, message: str, used_by: Sequence[str]) -> EntityInUse:
    return EntityInUse(message, entity_name=saved.stored.entity_name, used_by=list(used_by))
