"""The seller's products: export, single changes, bulk jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from .catalogue_routes import Caller, InMarket
from .errors import AnswerError, invalid, missing_parameter, not_found
from .export_stream import export_response
from .gate import json_response
from .jobs import UNKNOWN_JOB, Job, JobPlan, JobResult, run_job
from .market import Market
from .products import Body, Change, RefusedError, Resource, UnknownProductError
from .seller import Seller

router: Final = APIRouter()
BulkAction = Literal["bulk_create", "bulk_update", "bulk_destroy"]


class Mutation(msgspec.Struct, frozen=True):
    """Answer of a single change."""

    result: str
    warnings: dict[str, dict[str, list[str]]] | list[str]
    resource: Resource


class BulkError(msgspec.Struct, frozen=True):
    """A bulk call refused as a whole: only `errors`."""

    errors: list[str]


async def body_of(request: Request) -> Body:
    """The JSON object in the request, {} where there is none."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=dict[str, object])
    except msgspec.DecodeError as error:
        raise invalid({"base": [str(error)]}) from error


Sent = Annotated[Mapping[str, object], Depends(body_of)]


@router.get("/products/export")
async def export(request: Request, seller: Caller, market: InMarket) -> Response:
    """The whole stock, or that of a blueprint or expansion."""
    return export_response(request, seller, market)


@router.get("/products/{product_id}")
async def show(product_id: int, seller: Caller, market: InMarket) -> Response:
    """One product, where the knob allows it."""
    if not market.knobs.get_product:
        raise not_found()
    return _answered(lambda: market.products(seller).show(product_id))


@router.post("/products")
async def create(body: Sent, seller: Caller, market: InMarket) -> Response:
    """Put on sale, merging with one such product."""
    return _changed(market, lambda: market.products(seller).create(body), market.knobs.create_status)


@router.put("/products/{product_id}")
async def update(product_id: int, body: Sent, seller: Caller, market: InMarket) -> Response:
    """Change fields."""
    return _changed(market, lambda: market.products(seller).update(product_id, body))


@router.delete("/products/{product_id}")
async def destroy(product_id: int, seller: Caller, market: InMarket) -> Response:
    """Take off sale."""
    return _changed(market, lambda: market.products(seller).destroy(product_id))


@router.post("/products/{product_id}/increment")
async def increment(product_id: int, body: Sent, seller: Caller, market: InMarket) -> Response:
    """Change a quantity by a difference."""
    if "delta_quantity" not in body:
        raise missing_parameter("delta_quantity")
    return _changed(market, lambda: market.products(seller).increment(product_id, body))


@router.post("/products/{action}")
async def bulk(action: BulkAction, body: Sent, seller: Caller, market: InMarket) -> Response:
    """Start a job over many products."""
    items = body.get("products")
    if not isinstance(items, list):
        raise missing_parameter("products")
    if market.knobs.bulk_max and len(items) > market.knobs.bulk_max:
        raise AnswerError(422, BulkError([market.knobs.bulk_limit_error]))
    job = Job(market.ids.unique(), len(items))
    seller.jobs[job.uuid] = job
    knobs = market.knobs
    plan = JobPlan(knobs.job_pending, knobs.job_running, market.random.random() >= knobs.job_unprocessable)
    market.start(
        run_job(job, items, lambda index, item: _apply(market, seller, action, index, item), plan, market.clock.now)
    )
    return json_response({"job": job.uuid}, knobs.bulk_status)


@router.get("/jobs/{uuid}")
async def job(uuid: str, seller: Caller, market: InMarket) -> Response:
    """How a job is getting on."""
    found = seller.jobs.get(uuid)
    if found:
        return json_response(found.view(partial_results=market.knobs.job_partial_results))
    if market.knobs.unknown_job == "not_found":
        raise not_found()
    return json_response(UNKNOWN_JOB)


def _apply(market: Market, seller: Seller, action: BulkAction, index: int, item: object) -> JobResult:
    """One item of a job."""
    products = market.products(seller)
    try:
        if not isinstance(item, Mapping):
            raise RefusedError({"base": ["is not an object"]})
        change = (
            products.create(item)
            if action == "bulk_create"
            else _by_id(products.update, products.destroy, action, item)
        )
    except RefusedError as error:
        return JobResult("error", index, errors=error.errors)
    except UnknownProductError:
        return JobResult("error", index, errors={"product": ["not found"]})
    warnings = {"properties": change.warnings} if change.warnings else None
    return JobResult("warning" if warnings else "ok", index, change.resource.id, warnings)


def _by_id(
    update: Callable[[int, Body], Change], destroy: Callable[[int], Change], action: BulkAction, item: Body
) -> Change:
    product_id = item.get("id")
    if not isinstance(product_id, int):
        raise RefusedError({"id": ["cant be blank"]})
    return update(product_id, item) if action == "bulk_update" else destroy(product_id)


def _changed(market: Market, act: Callable[[], Change], status: int = 200) -> Response:
    """The answer of a single change."""

    def mutation() -> Mutation:
        change = act()
        empty: dict[str, dict[str, list[str]]] | list[str] = {} if market.knobs.empty_warnings == "object" else []
        warnings = {"properties": change.warnings} if change.warnings else empty
        return Mutation("warning" if change.warnings else "ok", warnings, change.resource)

    return _answered(mutation, status)


def _answered(act: Callable[[], msgspec.Struct], status: int = 200) -> Response:
    try:
        return json_response(act(), status)
    except RefusedError as error:
        raise invalid(error.errors) from error
    except UnknownProductError as error:
        raise not_found() from error
