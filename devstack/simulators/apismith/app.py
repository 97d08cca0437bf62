"""APISmith's routes, and the control API that moves the ERP and tells the truth about it."""

from __future__ import annotations

import random
from collections.abc import Iterator

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from devstack.simulators.neighbour.app import body_of, build
from devstack.simulators.neighbour.gate import json_response

from .source import MOST_PER_PAGE, Execute, Source
from .table import Table


class Wanted(BaseModel):
    """Which rows of a table: so many, or that share of it; chosen by the seed."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    rows: int | None = Field(None, ge=0)
    share: float = Field(0.0, ge=0, le=1)
    seed: int = 1

    def count(self, table: Table) -> int:
        """Of rows."""
        return self.rows if self.rows is not None else round(self.share * len(table))


class Spoiled(Wanted):
    """Which rows, and what shall stand in a field of theirs."""

    field: str
    value: str | int | float | bool | list[int] | None


class Moved(BaseModel):
    """The keys of the rows that were touched, `field=value|field=value`."""

    keys: list[str]


class TableView(BaseModel):
    """A table as it is."""

    rows: int
    highest_rowversion: int
    key_fields: list[str]


def create_app(source: Source) -> ASGIApp:
    """The ASGI application."""
    return build("APISmith simulator", source.doors, _api(source), _control(source))


def _api(source: Source) -> APIRouter:
    router = APIRouter()

    @router.post("/runtime/{slug}/execute")
    async def execute(slug: str, request: Request) -> Response:
        """One page of a connector's rows."""
        asked = await body_of(request, Execute)
        _known(source, slug)
        if not 1 <= asked.page_size <= MOST_PER_PAGE or asked.page < 1:
            raise HTTPException(422, "page_size is 1 to 10,000, page is from 1")
        return Response(source.page(slug, asked), media_type="application/json")

    @router.get("/apis")
    async def apis() -> Response:
        """The connectors' addresses."""
        return json_response({"items": [{"slug": slug} for slug in source.tables], "total": len(source.tables)})

    @router.get("/apis/slug/{slug}")
    async def api(slug: str) -> Response:
        """One connector's address."""
        return json_response({"slug": slug, "key_fields": _known(source, slug).key_fields})

    @router.get("/connectors")
    async def connectors() -> Response:
        """What it is connected to."""
        return json_response([{"name": "erp", "kind": "oracle"}])

    return router


def _control(source: Source) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, int]:
        """Ready to serve; how many requests wanted no order."""
        return {"unsorted": source.unsorted}

    @router.get("/tables")
    async def tables() -> dict[str, TableView]:
        """All tables as they are."""
        return {slug: _view(table) for slug, table in source.tables.items()}

    @router.get("/rows")
    async def rows(slug: str) -> Response:
        """The truth: every row, one JSON object a line, in the order of the keys."""
        return StreamingResponse(_lines(_known(source, slug)), media_type="application/x-ndjson")

    @router.post("/change")
    async def change(wanted: Wanted) -> Moved:
        """Give rows another content."""
        table, rng = _chosen(source, wanted)
        return Moved(keys=table.change(table.some(wanted.count(table), rng)))

    @router.post("/remove")
    async def remove(wanted: Wanted) -> Moved:
        """Delete rows."""
        table, rng = _chosen(source, wanted)
        return Moved(keys=table.remove(table.some(wanted.count(table), rng)))

    @router.post("/add")
    async def add(wanted: Wanted) -> Moved:
        """Add rows between the others."""
        table, rng = _chosen(source, wanted)
        return Moved(keys=table.add(wanted.count(table), rng))

    @router.post("/spoil")
    async def spoil(wanted: Spoiled) -> Moved:
        """Put a value into a field of some rows."""
        table, rng = _chosen(source, wanted)
        return Moved(keys=table.spoil(table.some(wanted.count(table), rng), wanted.field, wanted.value))

    return router


def _known(source: Source, slug: str) -> Table:
    if slug not in source.tables:
        raise HTTPException(404, "no such connector")
    return source.tables[slug]


def _chosen(source: Source, wanted: Wanted) -> tuple[Table, random.Random]:
    return _known(source, wanted.slug), random.Random(wanted.seed)


def _view(table: Table) -> TableView:
    highest = int(table.rowversions.max()) if len(table) else 0
    return TableView(rows=len(table), highest_rowversion=highest, key_fields=list(table.key_fields))


def _lines(table: Table) -> Iterator[bytes]:
    for first in range(0, len(table), 10_000):
        yield b"\n".join(table.rows[first : first + 10_000]) + b"\n"
