"""The Temporal Schedules by which entities are synchronised: made, renewed, held, deleted with what the entity says."""

from __future__ import annotations

from collections.abc import Iterable

from temporalio.client import Client, Schedule, ScheduleAlreadyRunningError, ScheduleUpdate, ScheduleUpdateInput
from temporalio.service import RPCError, RPCStatusCode

from api.bridge.errors import EntityInvalid
from api.temporal import CALL, temporal_faults
from db.bridge.entities import ScheduledEntity
from workflows.bridge.schedules import entity_schedule, entity_schedule_id


class EntitySchedules:
    """Every method raises `TemporalUnavailable` within seconds when the server does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def put(self, entity: ScheduledEntity, *, held: str | None = None) -> None:
        """Make it what the entity says; `held`: why all of them are. Raises `EntityInvalid` for what is no cron."""
        wanted = entity_schedule(entity.uid, entity.entity_name, entity.cron, held=entity.held or held)
        try:
            with temporal_faults():
                await self._put(entity_schedule_id(entity.uid), wanted)
        except RPCError as error:
            if error.status != RPCStatusCode.INVALID_ARGUMENT:
                raise
            raise EntityInvalid([f"{entity.cron!r} is no cron expression of five fields."]) from None

    async def put_all(self, entities: Iterable[ScheduledEntity], *, held: str | None) -> None:
        """All of them; they are sound already."""
        for entity in entities:
            await self.put(entity, held=held)

    async def remove(self, entity: ScheduledEntity) -> None:
        """Delete it, if it is there."""
        handle = self._client.get_schedule_handle(entity_schedule_id(entity.uid))
        with temporal_faults():
            try:
                await handle.delete(rpc_timeout=CALL)
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise

    async def _put(self, schedule_id: str, wanted: Schedule) -> None:
        async def renewed(_current: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(wanted)

        try:
            await self._client.create_schedule(schedule_id, wanted, rpc_timeout=CALL)
        except ScheduleAlreadyRunningError:
            await self._client.get_schedule_handle(schedule_id).update(renewed, rpc_timeout=CALL)
