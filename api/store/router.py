"""Every route of `store`."""

from __future__ import annotations

from fastapi import APIRouter

from api.store import health, inventory, syncing


def store_routers() -> list[APIRouter]:
    """By theme."""
    return [inventory.router, syncing.router, health.router]
