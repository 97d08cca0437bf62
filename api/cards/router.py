"""All routes of the `cards` context, below `/api/v1/sync`."""

from __future__ import annotations

from fastapi import APIRouter

from api.cards import (
    audit,
    disconnecting,
    drift,
    editing,
    failed,
    inventory,
    limits,
    linking,
    listing,
    operating,
    overview,
    plans,
    purchasing,
    reconciling,
    starting,
    watching,
    webhooks,
)


def cards_routers(*, development: bool) -> list[APIRouter]:
    """One router per theme; `development` adds what must not exist in production."""
    # In this order they are asked whose a request is: what comes by the hundreds per second is asked first.
    routers = [
        webhooks.router,
        linking.router,
        disconnecting.router,
        starting.router,
        watching.router,
        inventory.router,
        editing.router,
        listing.router,
        plans.router,
        audit.router,
        reconciling.router,
        drift.router,
        failed.router,
        purchasing.router,
        limits.router,
        operating.router,
        overview.router,
    ]
    return [*routers, linking.development_router, operating.development_router] if development else routers
