"""All routes of the `bridge` context, below `/bridge`."""

from __future__ import annotations

from fastapi import APIRouter

from api.bridge import entities, mappings, meta, monitoring, retrying, scheduler, schedules, starting, watching


def bridge_routers() -> list[APIRouter]:
    """One router per theme."""
    return [
        meta.router,
        starting.router,
        watching.router,
        retrying.router,
        entities.router,
        mappings.router,
        monitoring.router,
        # Its paths would be taken for the uid of a schedule.
        scheduler.router,
        schedules.router,
    ]
