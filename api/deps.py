"""Dependencies of the routes, as `Annotated` aliases.

All of them are coroutines, though they wait for nothing: any other function is sent to a thread, once per request.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import Principal
from api.errors import Forbidden, InvalidInput, Unauthorized
from api.services import Services

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="RS256 access token of the auth service")
_UUID: dict[str, Any] = {"format": "uuid"}


async def get_services(request: Request) -> Services:
    """What the composition root opened."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


async def get_principal(
    services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """The caller."""
    if credentials is None or not credentials.credentials:
        raise Unauthorized("Missing token")
    principal = services.authenticator.authenticate(credentials.credentials)
    structlog.contextvars.bind_contextvars(user_id=str(principal.user_id))
    return principal


PrincipalDep = Annotated[Principal, Depends(get_principal)]


async def get_owner(
    principal: PrincipalDep, user_id: Annotated[str, Path(description="the seller", json_schema_extra=_UUID)]
) -> UUID:
    """The seller of the path, who must be the caller."""
    try:
        owner = UUID(user_id)
    except ValueError:
        raise InvalidInput("Invalid user_id format", field="user_id") from None
    if owner != principal.user_id:
        raise Forbidden
    return owner


OwnerDep = Annotated[UUID, Depends(get_owner)]


async def get_operator(principal: PrincipalDep) -> Principal:
    """The caller, who must be an operator."""
    if "operator" not in principal.roles:
        raise Forbidden("The operator role is required.")
    return principal


async def get_reader(principal: PrincipalDep) -> Principal:
    """The caller, who must be a reader or an operator."""
    if not principal.roles & {"reader", "operator"}:
        raise Forbidden("The reader role is required.")
    return principal
