"""Dependencies of the routes of `marketplace`: its services, whom a caller speaks for, pages."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from api.auth import Principal
from api.deps import PrincipalDep
from api.errors import Forbidden, InvalidInput
from api.marketplace.errors import EndpointNotFound, StoreNotFound
from api.marketplace.fields import STORE, SYNC_TOKEN, WEBHOOK
from api.marketplace.services import MarketplaceServices
from api.parameters import Text
from db.marketplace import endpoints, stores
from db.marketplace.endpoints import Endpoint
from db.marketplace.stores import Store


async def get_marketplace_services(request: Request) -> MarketplaceServices:
    """What the composition root opened for this context."""
    services: MarketplaceServices = request.app.state.services
    return services


ServicesDep = Annotated[MarketplaceServices, Depends(get_marketplace_services)]

OrganizationQuery = Annotated[
    Text,
    Query(
        alias="organizationId",
        min_length=1,
        max_length=255,
        description="whose; the token must speak for it",
        examples=["org-123"],
    ),
]
SyncTokenHeader = Annotated[
    UUID | None, Header(description="the store's token; may be given here instead", examples=[SYNC_TOKEN])
]
LimitQuery = Annotated[int, Query(ge=1, le=500, description="rows of a page", examples=[100])]
EndpointPath = Annotated[UUID, Path(alias="webhookId", description="id of the webhook", examples=[WEBHOOK])]
StorePath = Annotated[UUID, Path(alias="storeId", description="id of the store", examples=[STORE])]


def speaks_for(principal: Principal, organization_id: str) -> bool:
    """By the claim `org`, as an operator, or as a seller who is an organisation of his own."""
    return "operator" in principal.roles or organization_id in (principal.organization_id, str(principal.user_id))


def require_organization(principal: Principal, organization_id: str) -> None:
    """Raise `Forbidden` unless the caller speaks for the organisation."""
    if not speaks_for(principal, organization_id):
        raise Forbidden("The token does not speak for this organization.")


async def get_organization(principal: PrincipalDep, organization_id: OrganizationQuery) -> str:
    """The organisation of the query, which the caller speaks for."""
    require_organization(principal, organization_id)
    return organization_id


OrganizationDep = Annotated[str, Depends(get_organization)]


async def own_endpoint(connection: AsyncConnection, principal: Principal, endpoint_id: UUID) -> Endpoint:
    """The endpoint; another organisation's is not found, as if there were none."""
    endpoint = await endpoints.find(connection, endpoint_id)
    if endpoint is None or not speaks_for(principal, endpoint.organization_id):
        raise EndpointNotFound
    return endpoint


async def own_store(connection: AsyncConnection, principal: Principal, store_id: UUID) -> Store:
    """The store; another organisation's is not found, as if there were none."""
    store = await stores.find(connection, store_id)
    if store is None or not speaks_for(principal, store.organization_id):
        raise StoreNotFound
    return store


async def store_of_token(connection: AsyncConnection, given: UUID | None, header: UUID | None) -> Store:
    """The store that a sync token speaks for, given in the request or in its header."""
    token = header or given
    if token is None:
        raise InvalidInput("a syncToken is required", field="syncToken")
    store = await stores.by_token(connection, token)
    if store is None:
        raise StoreNotFound
    return store
