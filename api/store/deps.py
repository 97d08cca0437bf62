"""Dependencies of the routes of `store`: its services, and the shop a caller acts for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.deps import PrincipalDep
from api.errors import Forbidden
from api.store.services import StoreServices

ROLES = frozenset({"store", "operator"})


async def get_store_services(request: Request) -> StoreServices:
    """What the composition root opened for this context."""
    services: StoreServices = request.app.state.services
    return services


async def get_store(principal: PrincipalDep) -> str:
    """The shop of the token; there is no other way to name one."""
    if not principal.roles & ROLES:
        raise Forbidden("The store role is required.")
    if principal.store_id is None:
        raise Forbidden("The token names no store.")
    return principal.store_id


ServicesDep = Annotated[StoreServices, Depends(get_store_services)]
StoreDep = Annotated[str, Depends(get_store)]
