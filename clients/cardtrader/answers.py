"""The answer to a change of one product: what it left, or why it was refused."""

from __future__ import annotations

from typing import Any

import msgspec

from clients.cardtrader.errors import OutcomeUnknown, Refused
from clients.cardtrader.models import Id
from clients.cardtrader.remarks import Remark, Verdict, fields_of, judge
from domain.cards.products import normalise_graded


class Resource(msgspec.Struct, frozen=True):
    """A product as a change left it. A missing value is None, never zero. `ignored`: asked for and without effect.

    `properties` holds what a seller may set, or everything where CardTrader answers in the shape of the export.
    """

    id: int
    quantity: int | None = None
    blueprint_id: int | None = None
    price_cents: int | None = None
    properties: dict[str, Any] = {}
    description: str | None = None
    user_data_field: str | None = None
    graded: bool | None = None
    ignored: tuple[Remark, ...] = ()


class _Money(msgspec.Struct, frozen=True):
    cents: int | None = None


class _Product(msgspec.Struct, frozen=True):
    """Both shapes of a product: `price` and `properties`, or `price_cents` and `properties_hash`."""

    id: Id | None = None
    quantity: int | None = None
    blueprint_id: int | None = None
    price: _Money | None = None
    price_cents: int | None = None
    properties: dict[str, Any] | None = None
    properties_hash: dict[str, Any] | None = None
    description: str | None = None
    user_data_field: str | None = None
    graded: bool | int | float | str | None = None

    def resource(self, ignored: tuple[Remark, ...]) -> Resource | None:
        if self.id is None:
            return None
        return Resource(
            id=self.id,
            quantity=self.quantity,
            blueprint_id=self.blueprint_id,
            price_cents=self.price.cents if self.price else self.price_cents,
            properties=self.properties or self.properties_hash or {},
            description=self.description,
            user_data_field=self.user_data_field,
            graded=normalise_graded(self.graded),
            ignored=ignored,
        )


class Mutation(msgspec.Struct, frozen=True):
    """The answer as it comes; all of it may be missing."""

    result: str = "ok"
    warnings: Any = None
    errors: Any = None
    resource: _Product | None = None

    def accepted(self) -> Resource | None:
        """The product as it is now, None where the answer shows none.

        Raises:
            Refused: as a whole, or a condition, language or finish was ignored.
            OutcomeUnknown: the answer does not tell.
        """
        verdict = judge(self.result, self.errors, self.warnings)
        if verdict.outcome == "unknown":
            raise OutcomeUnknown
        if verdict.outcome == "refused":
            raise self._refusal(verdict)
        return self.resource.resource(verdict.remarks) if self.resource else None

    def shown(self) -> Resource:
        """As `accepted`, for changes that leave a product.

        Raises:
            OutcomeUnknown: also when the answer shows none.
        """
        resource = self.accepted()
        if resource is None:
            raise OutcomeUnknown
        return resource

    def _refusal(self, verdict: Verdict) -> Refused:
        fields = fields_of(verdict.remarks)
        return Refused(
            f"CardTrader refused the change{': ' if fields else ''}{', '.join(fields)}.",
            remarks=verdict.remarks,
            product_id=self.resource.id if self.resource else None,
        )
