"""Wire models of the syncs that an entity's own schedule begins."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pydantic import Field

from workflows.message import Message

ENTITY_SYNC_WORKFLOW: Final = "EntitySyncWorkflow"


def entity_sync_id(entity_uid: UUID) -> str:
    """What the ids of an entity's scheduled syncs begin with; Temporal appends the time of each."""
    return f"bridge-entity:{entity_uid}"


class EntitySync(Message):
    """Names the entity to synchronise."""

    entity_uid: UUID


class EntityBatch(EntitySync):
    """The batch to start for it; the same however often it is asked for."""

    batch_uid: UUID


class EntityBatchStarted(Message):
    """Whether there is a batch now; not while another one of the entity is under way, or it is switched off."""

    started: bool = Field(False)
