"""All routes of the `cards` context, below `/api/v1/sync`."""

from __future__ import annotations

from fastapi import APIRouter

from api.cards import audit, inventory, linking, starting, watching


def cards_router(*, development: bool) -> APIRouter:
    """The routes; `development` adds what must not exist in production."""
    router = APIRouter(prefix="/api/v1/sync")
    for theme in (linking.router, starting.router, watching.router, inventory.router, audit.router):
        router.include_router(theme)
    if development:
        router.include_router(linking.development_router)
    return router
