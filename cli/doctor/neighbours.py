"""The doctor's questions about the bridge's neighbours. Whoever does not use the bridge configures none of them."""

from __future__ import annotations

import httpx

from cli.doctor.examination import Check
from clients.apismith import ApiSmith
from clients.neighbour import Credentials, Patience, Place
from clients.schedulehub import ScheduleHub
from settings import Settings

_ONCE = Patience(tries=1)


async def apismith(settings: Settings) -> str:
    """APISmith answers and lets us in."""
    if not settings.apismith_url:
        return "not configured: the bridge has no source"
    place = Place(settings.apismith_url, settings.apismith_api_prefix)
    credentials = Credentials(settings.apismith_token, settings.apismith_username, settings.apismith_password)
    async with httpx.AsyncClient() as http:
        await ApiSmith.connect(http, place, credentials, patience=_ONCE).ping()
    return "answers and lets us in"


async def schedulehub(settings: Settings) -> str:
    """ScheduleHub answers."""
    if not settings.schedulehub_url:
        return "not configured: the bridge has no target"
    place = Place(settings.schedulehub_url, settings.schedulehub_api_prefix)
    credentials = Credentials(settings.schedulehub_token, settings.schedulehub_username, settings.schedulehub_password)
    async with httpx.AsyncClient() as http:
        await ScheduleHub.connect(http, place, credentials, patience=_ONCE).ping()
    return "answers"


NEIGHBOUR_CHECKS = (
    Check("APISmith", apismith, "Check the network and APISMITH_*.", optional=True),
    Check("ScheduleHub", schedulehub, "Check the network and SCHEDULEHUB_*.", optional=True),
)
