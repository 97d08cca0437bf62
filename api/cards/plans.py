"""Plans: changes that do too much at once are shown to the seller, and run only when approved."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path

from api.cards.change_models import ChangePlan
from api.cards.deps import ServicesDep
from api.cards.errors import PlanNotFound
from api.cards.intents import record
from api.cards.parameters import PREFIX
from api.deps import OwnerDep, PrincipalDep
from api.errors import documented
from db.cards import plans
from db.cards.plans import Plan

router = APIRouter(prefix=PREFIX, tags=["changes"])

PlanId = Annotated[UUID, Path(description="the plan, as it was read")]
_ERRORS = documented(400, 401, 403, 404, 409, 422)


@router.get("/changes/{user_id}/plan", responses=documented(400, 401, 403, 404, 422))
async def read_plan(user_id: OwnerDep, services: ServicesDep) -> ChangePlan:
    """The changes that wait for approval: what they would do, what they need."""
    async with services.transaction() as connection:
        plan = await plans.waiting_plan(connection, user_id)
    if plan is None:
        raise PlanNotFound("No changes wait for approval.", user_id=str(user_id))
    return _shown(plan)


@router.post("/changes/{user_id}/plan/{plan_id}/approve", responses=_ERRORS)
async def approve_plan(
    user_id: OwnerDep, plan_id: PlanId, principal: PrincipalDep, services: ServicesDep
) -> ChangePlan:
    """Run exactly the changes of this plan."""
    decision = partial(plans.approve, user_id=user_id, plan_id=plan_id, decided_by=str(principal.user_id))
    plan, _ = await record(services, user_id, decision, plan_id=str(plan_id))
    return _shown(plan)


@router.post("/changes/{user_id}/plan/{plan_id}/cancel", responses=_ERRORS)
async def cancel_plan(user_id: OwnerDep, plan_id: PlanId, principal: PrincipalDep, services: ServicesDep) -> ChangePlan:
    """Give up the changes of this plan; the listings come back as CardTrader has them."""
    decision = partial(plans.cancel, user_id=user_id, plan_id=plan_id, decided_by=str(principal.user_id))
    # Nothing is to be sent, but the listings are to be read again.
    plan, _ = await record(services, user_id, decision, matter="events", plan_id=str(plan_id))
    return _shown(plan)


def _shown(plan: Plan) -> ChangePlan:
    return ChangePlan(
        plan_id=plan.plan_id, state=plan.state, created_at=plan.created_at, **msgspec.structs.asdict(plan.summary)
    )
