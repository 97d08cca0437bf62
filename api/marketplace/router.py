"""All routes of the `marketplace` context."""

from __future__ import annotations

from fastapi import APIRouter

from api.marketplace import deliveries, endpoints, mock, orders, stores


def marketplace_routers(*, development: bool) -> list[APIRouter]:
    """One router per theme; `development` adds the mock marketplaces, which must not exist in production."""
    routers = [stores.router, orders.router, endpoints.router, deliveries.router]
    return [*routers, mock.router] if development else routers
