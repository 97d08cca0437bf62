"""The parts of answers about changes that the command line shows; whatever else they hold is passed over."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cli.answers import Problem


class Updated(BaseModel):
    """Answer of `PUT /inventory/.../item/...`."""

    item_id: int
    quantity: int
    quantity_on_sale: int
    price_cents: int
    row_version: int
    task_id: str | None = None
    waiting_for: str | None = None


class Deleted(BaseModel):
    """Answer of `DELETE /inventory/.../item/...`."""

    item_id: int
    task_id: str | None = None
    waiting_for: str | None = None


class Listed(BaseModel):
    """Answer of `POST /inventory/.../items`."""

    task_id: str
    accepted: int
    waiting_for: str | None = None


class Unmade(BaseModel):
    """A change of a task that was not made."""

    position: int
    action: str
    item_id: int | None = None
    blueprint_id: int
    code: str | None = None
    message: str | None = None


class Changes(BaseModel):
    """Where the changes of a task are."""

    waiting: int = 0
    held: int = 0
    sending: int = 0
    accepted: int = 0
    verified: int = 0
    failed: int = 0
    cancelled: int = 0
    unmade: list[Unmade] = Field(default_factory=list)


class Task(BaseModel):
    """Answer of `GET /task/...`."""

    status: str
    message: str
    changes: Changes | None = None
    error: Problem | None = None


class Plan(BaseModel):
    """Changes that wait for approval, or were decided."""

    plan_id: str
    state: str
    creates: int
    updates: int
    deletes: int
    zeroed: int
    repriced: int
    value_before_cents: int
    value_after_cents: int
    requests: int
    seconds: int
