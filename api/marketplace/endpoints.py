"""Webhooks of an organisation: registered, paused, resumed, given another secret, forgotten."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.deps import PrincipalDep
from api.marketplace.deps import EndpointPath, OrganizationDep, ServicesDep, own_endpoint, require_organization
from api.marketplace.documentation import documented
from api.marketplace.errors import EndpointNotFound, TargetInvalid
from api.marketplace.webhook_models import EndpointEntry, EndpointRegistration, RegisteredEndpoint, RotatedSecret
from clients.callbacks import new_secret
from db.ids import new_id
from db.marketplace import endpoints
from db.marketplace.endpoints import Endpoint
from domain.marketplace.targets import TargetRefused

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


@router.post("/register", responses=documented(400, 401, 403, 413))
async def register_webhook(
    principal: PrincipalDep, registration: EndpointRegistration, services: ServicesDep
) -> RegisteredEndpoint:
    """Register an endpoint, or switch a known one on again; its secret is shown when it is new."""
    require_organization(principal, registration.organization_id)
    try:
        await services.guard.check(registration.target_url)
    except TargetRefused as refused:
        raise TargetInvalid(str(refused)) from None
    secret = new_secret()
    async with services.transaction() as connection:
        endpoint, is_new = await endpoints.register(
            connection,
            registration.organization_id,
            registration.event,
            registration.target_url,
            endpoint_id=new_id(),
            secret_encrypted=services.vault.encrypt(secret),
        )
    shown = RegisteredEndpoint.model_validate(endpoint)
    return shown.model_copy(update={"secret": secret}) if is_new else shown


@router.get("", responses=documented(400, 401, 403))
async def list_webhooks(organization_id: OrganizationDep, services: ServicesDep) -> list[EndpointEntry]:
    """The organisation's endpoints, by event and address."""
    async with services.transaction() as connection:
        found = await endpoints.list_for(connection, organization_id)
    return [EndpointEntry.model_validate(endpoint) for endpoint in found]


@router.delete("/{webhookId}", status_code=204, responses=documented(400, 401, 404))
async def unregister_webhook(webhook_id: EndpointPath, principal: PrincipalDep, services: ServicesDep) -> Response:
    """Forget an endpoint, with everything that was to be told it."""
    async with services.transaction() as connection:
        await own_endpoint(connection, principal, webhook_id)
        await endpoints.unregister(connection, webhook_id)
    return Response(status_code=204)


@router.post("/{webhookId}/pause", responses=documented(400, 401, 404))
async def pause_webhook(webhook_id: EndpointPath, principal: PrincipalDep, services: ServicesDep) -> EndpointEntry:
    """Send nothing for the time being; events are kept."""
    async with services.transaction() as connection:
        await own_endpoint(connection, principal, webhook_id)
        return _entry(await endpoints.pause(connection, webhook_id))


@router.post("/{webhookId}/resume", responses=documented(400, 401, 404))
async def resume_webhook(webhook_id: EndpointPath, principal: PrincipalDep, services: ServicesDep) -> EndpointEntry:
    """Send again, also to one that was switched off; first comes what was kept."""
    async with services.transaction() as connection:
        await own_endpoint(connection, principal, webhook_id)
        return _entry(await endpoints.resume(connection, webhook_id))


@router.post("/{webhookId}/rotate-secret", responses=documented(400, 401, 404))
async def rotate_secret(webhook_id: EndpointPath, principal: PrincipalDep, services: ServicesDep) -> RotatedSecret:
    """Another secret; the one before signs as well for a while."""
    secret = new_secret()
    async with services.transaction() as connection:
        await own_endpoint(connection, principal, webhook_id)
        sealed = services.vault.encrypt(secret)
        await endpoints.rotate(connection, webhook_id, sealed, services.secret_overlap)
    until = services.clock() + services.secret_overlap
    return RotatedSecret(id=webhook_id, secret=secret, previous_valid_until=until)


def _entry(endpoint: Endpoint | None) -> EndpointEntry:
    if endpoint is None:
        raise EndpointNotFound
    return EndpointEntry.model_validate(endpoint)
