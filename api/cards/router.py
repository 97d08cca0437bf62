"""All routes of the `cards` context, below `/api/v1/sync`."""

from __future__ import annotations

from fastapi import APIRouter

from api.cards import audit, inventory, linking, starting, watching, webhooks


def cards_routers(*, development: bool) -> list[APIRouter]:
    """One router per theme; `development` adds what must not exist in production."""
    routers = [linking.router, starting.router, watching.router, inventory.router, audit.router, webhooks.router]
    return [*routers, linking.development_router] if development else routers
