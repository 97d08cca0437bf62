"""All routes of the `bridge` context, below `/bridge`."""

from __future__ import annotations

from fastapi import APIRouter

from api.bridge import entities, mappings, meta


def bridge_routers() -> list[APIRouter]:
    """One router per theme."""
    return [meta.router, entities.router, mappings.router]
