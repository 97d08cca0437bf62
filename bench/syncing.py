"""One measured bulk sync through the API: wall-clock time, phases, outcome, workflow history.

The clock runs from the request that starts the sync until the workflow has closed, when the seller is `active`
in the database (checked). Phases are seen by a look at the operation's row every `_LOOK_SECONDS`, so their
boundaries are that coarse; the total is exact.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from uuid import UUID

import asyncpg
import httpx
import msgspec
from pydantic import BaseModel
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.errors import BenchError
from bench.phases import PHASES, PhaseUse
from bench.usage import CpuSeconds, difference
from devstack.service import RunningService
from domain.cards.progress import Projection
from workflows.cards.contracts import bulk_sync_id

_LOOK_SECONDS: Final = 0.2
_WHERE: Final = """
SELECT operation_metadata ->> 'phase' AS phase,
       EXISTS (SELECT FROM export_chunks c WHERE c.operation_id = o.operation_id AND applied_at IS NULL) AS waiting
FROM sync_operations o WHERE operation_id = $1
"""
_OUTCOME: Final = """
SELECT o.status, o.operation_metadata, s.sync_status::text
FROM sync_operations o JOIN user_sync_settings s USING (user_id) WHERE operation_id = $1
"""


@dataclass(frozen=True, slots=True)
class MeasuredSync:
    """What one sync took and did. `events` are those of all its workflow runs."""

    seconds: float
    phases: list[PhaseUse]
    state: str
    account: str
    story: Projection
    events: int


class _Started(BaseModel):
    task_id: str


@dataclass(frozen=True, slots=True)
class _Mark:
    phase: int
    at: float
    cpu: CpuSeconds


@dataclass(frozen=True)
class Syncing:
    """Bulk syncs of one linked seller on a running service. `cpu` reads CPU seconds by process group."""

    service: RunningService
    user_id: UUID
    cpu: Callable[[], CpuSeconds]

    async def link(self, cardtrader_token: str) -> None:
        """Link the seller."""
        async with self._api() as api:
            await _post(api, f"/link/{self.user_id}", {"cardtrader_token": cardtrader_token})

    async def run(self) -> MeasuredSync:
        """Run one sync to its end.

        Raises:
            BenchError: it was refused, or failed.
        """
        environment = self.service.environment
        temporal = await Client.connect(environment["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)
        database = await asyncpg.connect(environment["DATABASE_URL"].replace("+asyncpg", "", 1))
        try:
            async with self._api() as api:
                return await self._measure(api, temporal, database)
        finally:
            await database.close()

    async def _measure(self, api: httpx.AsyncClient, temporal: Client, database: asyncpg.Connection) -> MeasuredSync:
        began = _Mark(0, time.perf_counter(), self.cpu())
        answer = await _post(api, f"/start/{self.user_id}")
        operation_id = _Started.model_validate_json(answer).task_id
        handle = temporal.get_workflow_handle(bulk_sync_id(self.user_id))
        first_run = (await handle.describe()).run_id or ""
        ended = asyncio.create_task(handle.result())
        marks = [began, *await self._watch(database, operation_id, ended)]
        await _succeeded(ended)
        marks.append(_Mark(len(PHASES), time.perf_counter(), self.cpu()))
        state, metadata, account = await database.fetchrow(_OUTCOME, operation_id)
        return MeasuredSync(
            seconds=marks[-1].at - began.at,
            phases=_uses(marks),
            state=state,
            account=account,
            story=msgspec.json.decode(metadata, type=Projection),
            events=await _history_events(temporal, bulk_sync_id(self.user_id), first_run),
        )

    async def _watch(self, database: asyncpg.Connection, operation_id: str, ended: asyncio.Task[object]) -> list[_Mark]:
        """Marks of the phases after the first, in order."""
        marks: list[_Mark] = []
        while not (await asyncio.wait({ended}, timeout=_LOOK_SECONDS))[0]:
            phase = _phase(*await database.fetchrow(_WHERE, operation_id))
            if phase > (marks[-1].phase if marks else 0):
                marks.append(_Mark(phase, time.perf_counter(), self.cpu()))
        return marks

    def _api(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.service.access_token(self.user_id)}"}
        return httpx.AsyncClient(base_url=f"{self.service.api_url}/api/v1/sync", headers=headers, timeout=60)


def _phase(recorded: str | None, waiting: bool) -> int:
    """Index in `PHASES`: chunks are staged, then applied, and when none waits the sync is finishing."""
    if recorded == "applying":
        return 1 if waiting else 2
    return 2 if recorded == "done" else 0


def _uses(marks: list[_Mark]) -> list[PhaseUse]:
    """What lies between the marks; a phase that was too short to be seen is left out."""
    return [
        PhaseUse(
            phase=PHASES[mark.phase], seconds=round(end.at - mark.at, 2), cpu_seconds=difference(end.cpu, mark.cpu)
        )
        for mark, end in pairwise(marks)
    ]


async def _succeeded(ended: asyncio.Task[object]) -> None:
    try:
        await ended
    except WorkflowFailureError as error:
        raise BenchError(f"The sync failed: {error.cause}") from error


async def _history_events(temporal: Client, workflow_id: str, run_id: str) -> int:
    """Events of a run and of those it continued as."""
    events = 0
    while run_id:
        history = await temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        events += len(history.events)
        run_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return events


async def _post(api: httpx.AsyncClient, path: str, body: dict[str, str] | None = None) -> bytes:
    answer = await api.post(path, json=body)
    if not answer.is_success:
        raise BenchError(f"POST {path} answered {answer.status_code}: {answer.text}")
    return answer.content
