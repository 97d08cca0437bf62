"""Dependencies of the routes of `cards`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.cards.services import CardsServices


async def get_cards_services(request: Request) -> CardsServices:
    """What the composition root opened for this context."""
    services: CardsServices = request.app.state.services
    return services


ServicesDep = Annotated[CardsServices, Depends(get_cards_services)]
