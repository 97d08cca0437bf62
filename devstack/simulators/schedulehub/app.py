"""ScheduleHub's routes, and the control API that reads its books."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import ASGIApp

from devstack.simulators.neighbour.app import body_of, build
from devstack.simulators.neighbour.gate import json_response

from .books import Books, Holding, Verdict
from .hub import Delete, Hub, Insert, Outcome, Updates, with_uid


class Query(msgspec.Struct):
    """Which records are asked for."""

    erp_key_hashes: list[str]


class HoldingView(BaseModel):
    """One entity: how many records there are, and the fates of all that were sent."""

    records: int
    verdicts: dict[str, int]


class BooksView(BaseModel):
    """The hub's books; `batches` by route, `largest`: records of the largest call."""

    entities: dict[str, HoldingView]
    batches: dict[str, int]
    largest: int


def create_app(hub: Hub) -> ASGIApp:
    """The ASGI application."""
    return build("ScheduleHub simulator", hub.doors, _api(hub), _control(hub.books))


def _api(hub: Hub) -> APIRouter:
    router = APIRouter()

    @router.post("/{entity}/batch/query")
    async def query(entity: str, request: Request) -> Response:
        """Records by their keys."""
        found = hub.query(entity, (await body_of(request, Query)).erp_key_hashes)
        return Response(found, media_type="application/json")

    @router.post("/{entity}/batch/insert")
    async def insert(entity: str, request: Request) -> Response:
        """New records."""
        return json_response(hub.insert(entity, await body_of(request, Insert)))

    @router.post("/{entity}/batch/update")
    async def update(entity: str, request: Request) -> Response:
        """Records written over."""
        return json_response(hub.update(entity, await body_of(request, Updates)))

    @router.post("/{entity}/batch/delete")
    async def delete(entity: str, request: Request) -> Response:
        """Records gone."""
        return json_response(hub.delete(entity, await body_of(request, Delete)))

    _add_single(router, hub)
    return router


def _add_single(router: APIRouter, hub: Hub) -> None:
    """The same for one record."""

    @router.get("/{entity}")
    async def find(entity: str, erp_key_hash: str) -> Response:
        """The record with a key, in a list."""
        return Response(hub.query(entity, [erp_key_hash]), media_type="application/json")

    @router.post("/{entity}")
    async def create(entity: str, request: Request) -> Response:
        """A new record."""
        return _single(hub.insert(entity, Insert([msgspec.Raw(await request.body())])))

    @router.patch("/{entity}/{uid}")
    async def patch(entity: str, uid: str, request: Request) -> Response:
        """Members of a record."""
        body = msgspec.Raw(await request.body())
        return _single(hub.update(entity, msgspec.convert({"updates": [{"uid": uid, "data": body}]}, Updates)))

    @router.delete("/{entity}/{uid}")
    async def remove(entity: str, uid: str) -> Response:
        """A record."""
        return _single(hub.delete(entity, Delete([uid])))


def _single(outcome: Outcome) -> Response:
    if not outcome.failures:
        return json_response({"success": True})
    error = outcome.failures[0].error
    status = int(error.split(":")[0]) if isinstance(error, str) else error.status
    return json_response({"detail": error}, status)


def _control(books: Books) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, str]:
        """Ready to serve."""
        return {"status": "ok"}

    @router.get("/books")
    async def view() -> BooksView:
        """What it holds, and how it was called."""
        entities = {name: _view(holding) for name, holding in books.holdings.items()}
        return BooksView(entities=entities, batches=books.calls.batches, largest=books.calls.largest)

    @router.get("/records")
    async def records(entity: str) -> Response:
        """Every record, one JSON object a line."""
        return StreamingResponse(_lines(books.of(entity)), media_type="application/x-ndjson")

    @router.delete("/records", status_code=204)
    async def lose(entity: str, uid: str) -> None:
        """Lose a record, as somebody else's deletion would."""
        if books.of(entity).by_uid.get(uid) is None:
            raise HTTPException(404, "no such record")
        books.delete(entity, uid)

    @router.get("/journal")
    async def journal(entity: str) -> dict[Verdict, list[str]]:
        """Names (erp_ref_str) of the records that changed since the journal was begun, in order."""
        return {verdict: books.of(entity).journal.get(verdict, []) for verdict in ("inserted", "updated", "deleted")}

    @router.delete("/journal", status_code=204)
    async def begin_journal() -> None:
        """Begin new journals, counts of verdicts and of calls."""
        for holding in books.holdings.values():
            holding.journal.clear()
            holding.verdicts.clear()
        books.calls.batches.clear()
        books.calls.largest = 0

    return router


def _view(holding: Holding) -> HoldingView:
    return HoldingView(records=len(holding.by_key), verdicts=holding.verdicts)


def _lines(holding: Holding) -> Iterator[bytes]:
    every = list(holding.by_uid.values())
    for first in range(0, len(every), 10_000):
        yield b"".join(with_uid(record.uid, record.body) + b"\n" for record in every[first : first + 10_000])
