"""What operators ask one instance of the facade; other callers are refused."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.cards.deps import ServicesDep
from api.cards.errors import SchemaOutdated
from api.cards.parameters import PREFIX, page_size
from api.deps import get_operator
from api.errors import documented
from db.cards import schema_check
from db.migrate import newest_revision
from observability import RecentLogs

router = APIRouter(prefix=PREFIX, tags=["operator"])
development_router = APIRouter(prefix=PREFIX, tags=["operator"])

_OPERATOR: Final = [Depends(get_operator)]
_NAMED: Final = ("timestamp", "level", "logger", "event")


class IndexChecked(BaseModel):
    """The schema is up to date and its composite index is usable."""

    status: Literal["success"] = Field("success", description="always success")
    message: str = Field("The composite index exists and is valid", description="one sentence")
    index_name: str = Field(description="name of the index")
    columns: list[str] = Field(description="its columns")
    revision: str = Field(description="the migration the schema is at")


class LogLine(BaseModel):
    """One structured record of the log."""

    timestamp: str = Field(description="when, UTC")
    level: str = Field(description="debug, info, warning, error or critical")
    logger: str = Field(description="the module that spoke")
    event: str = Field(description="what happened")
    fields: dict[str, Any] = Field(description="its details; secrets are blanked")


class DebugLogs(BaseModel):
    """The last records of this process, newest first."""

    logs: list[LogLine] = Field(description="the records")
    total: int = Field(description="records kept at the moment")
    limit: int = Field(description="the most that were asked for")
    message: str = Field("Records of this process only", description="good to know")


@router.post("/migrate/composite-index", dependencies=_OPERATOR, responses=documented(401, 403))
async def check_composite_index(services: ServicesDep) -> IndexChecked:
    """Check that every migration was applied and that the stock's unique index is valid; changes nothing.

    500 when it is not: schemas are migrated by `python -m cli migrate`, not over HTTP.
    """
    newest = await asyncio.to_thread(newest_revision)
    async with services.transaction() as connection:
        found = await schema_check.state(connection)
    if found.revision != newest or not found.index_usable:
        raise SchemaOutdated(operation="migrate", revision=found.revision, wanted=newest)
    return IndexChecked(
        index_name=schema_check.INDEX_NAME, columns=list(schema_check.INDEX_COLUMNS), revision=found.revision
    )


@development_router.get("/debug-logs", dependencies=_OPERATOR, responses=documented(401, 403, 422))
async def debug_logs(
    request: Request,
    limit: Annotated[int, Query(description="most records; values outside 1..1000 are clamped")] = 100,
) -> DebugLogs:
    """What this process logged last. Exists in development and test only."""
    recent: RecentLogs = request.app.state.recent_logs
    size = page_size(limit)
    return DebugLogs(logs=[_line(text) for text in recent.newest(size)], total=len(recent), limit=size)


def _line(text: str) -> LogLine:
    record: dict[str, Any] = msgspec.json.decode(text)
    named = {name: str(record.pop(name, "")) for name in _NAMED}
    return LogLine(**named, fields=record)
