"""Bodies and answers of the control API."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = Field("", description="which seller; the first one unless given")


class NewSeller(BaseModel):
    """A further seller."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    products: int = Field(ge=0, le=20_000_000 // 3)
    seed: int = 1
    token: str = Field("", description="chosen for you unless given")
    blueprints: int | None = Field(None, ge=1)
    currency: str = Field("EUR", pattern="^[A-Z]{3}$")
    webhook_url: str = ""


class SellerView(BaseModel):
    """A seller of this market."""

    token: str
    fingerprint: str
    user_id: int
    shared_secret: str
    webhook_url: str
    products: int
    orders: int


class WebhookTarget(_Command):
    """Where a seller's webhooks go; empty = nowhere."""

    url: str


class Line(BaseModel):
    """Copies of a product."""

    product_id: int
    quantity: int = Field(1, ge=1)


class Sale(_Command):
    """A purchase of these lines, or of random ones."""

    lines: list[Line] = Field(default_factory=list)
    random_lines: int = Field(1, ge=1, le=1000)
    zero: bool = False
    presale: bool = False


class StateChange(_Command):
    """A new state for an order."""

    state: str
    relist: bool = Field(False, description="for canceled: put the goods back on sale")


class ProductEdit(_Command):
    """An edit made on the site."""

    quantity: int | None = Field(None, ge=0)
    price_cents: int | None = Field(None, ge=1)
    description: str | None = None


class BulkChange(_Command):
    """Random changes to a part of the stock."""

    fraction_changed: float = Field(0.01, ge=0, le=1)
    fraction_gone: float = Field(0.001, ge=0, le=1)
    seed: int = 1


class Weights(BaseModel):
    """How often each kind of event comes, relative to the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sell: float = Field(60, ge=0)
    sell_zero: float = Field(20, ge=0)
    merge: float = Field(2, ge=0)
    cancel: float = Field(6, ge=0)
    edit: float = Field(10, ge=0)
    destroy: float = Field(2, ge=0)


class Traffic(_Command):
    """Random events at a steady pace: direct sales, Zero sales, cancellations, edits, destroyed products."""

    events: int = Field(100, ge=1)
    per_second: float = Field(20.0, gt=0)
    seed: int = 1
    weights: Weights = Weights()


class Changed(BaseModel):
    """How many things were done."""

    changed: int
    gone: int = 0
