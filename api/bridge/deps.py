"""Dependencies of the routes of `bridge`: its services, and the roles (spec: readers look, operators change)."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request

from api.auth import Principal
from api.bridge.services import BridgeServices
from api.deps import get_operator, get_reader


async def get_bridge_services(request: Request) -> BridgeServices:
    """What the composition root opened for this context."""
    services: BridgeServices = request.app.state.services
    return services


ServicesDep = Annotated[BridgeServices, Depends(get_bridge_services)]
ReaderDep = Annotated[Principal, Depends(get_reader)]
OperatorDep = Annotated[Principal, Depends(get_operator)]

READER: Final = [Depends(get_reader)]
"""`dependencies=` of a route that need not know who reads."""
OPERATOR: Final = [Depends(get_operator)]
