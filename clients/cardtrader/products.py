"""Single products: read by blueprint, create, change, take off sale.

No change is idempotent except `delete`, none is repeated here: after `OutcomeUnknown` read before deciding.
"""

from __future__ import annotations

import msgspec

from clients.cardtrader.answers import Mutation, Resource
from clients.cardtrader.changes import NewProduct, ProductChanges, alteration, creation
from clients.cardtrader.errors import MalformedAnswer, NotFound, OutcomeUnknown
from clients.cardtrader.transport import Transport
from domain.cards.export_json import ExportRejected
from domain.cards.products import BadProduct, Product, read_keys, read_products


class Gone(msgspec.Struct, frozen=True):
    """The product is no longer on sale: `already` before the call, which then changed nothing, or by it."""

    already: bool


class Products:
    """The calls about one product at a time."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def by_blueprint(self, blueprint_id: int) -> list[Product | BadProduct]:
        """What the account has on sale of one blueprint, now; a row that cannot be read is told apart."""
        data = await self._transport.get_bytes(
            "products/export", {"blueprint_id": blueprint_id}, self._transport.shared.export_timeout
        )
        try:
            return read_products(data, range(len(read_keys(data))))
        except ExportRejected:
            raise MalformedAnswer from None

    async def create(self, product: NewProduct) -> Resource:
        """Put on sale, or add to "one such product", whose id and whole quantity are then answered.

        Raises:
            Refused: not created; or created otherwise than asked, then with its `product_id`.
            OutcomeUnknown: look for it by its `user_data_field`.
        """
        return (await self._transport.change("POST", "products", Mutation, creation(product))).shown()

    async def update(self, product_id: int, changes: ProductChanges) -> Resource:
        """Change the given fields, and no others.

        Raises:
            NotFound: not on sale.
            Refused: with its `product_id` when the other fields were changed all the same.
        """
        answer = await self._transport.change("PUT", f"products/{product_id}", Mutation, alteration(changes))
        return answer.shown()

    async def delete(self, product_id: int) -> Gone:
        """Take off sale, whatever its quantity."""
        try:
            (await self._transport.change("DELETE", f"products/{product_id}", Mutation)).accepted()
        except NotFound:
            return Gone(already=True)
        return Gone(already=False)

    async def increment(self, product_id: int, delta: int) -> Resource | Gone:
        """Change the quantity by a difference; at zero or below CardTrader takes the product off sale.

        CardTrader does not say how far below: whoever must not take more than there is asks before.
        """
        path, body = f"products/{product_id}/increment", _Increment(delta)
        try:
            resource = (await self._transport.change("POST", path, Mutation, body)).accepted()
        except NotFound:
            return Gone(already=True)
        return _left(resource, delta)


class _Increment(msgspec.Struct, frozen=True):
    delta_quantity: int


def _left(resource: Resource | None, delta: int) -> Resource | Gone:
    """What an accepted increment left. What the answer shows of a product it ended is not documented."""
    if resource is None and delta >= 0:
        raise OutcomeUnknown
    if resource is None or (resource.quantity is not None and resource.quantity <= 0):
        return Gone(already=False)
    return resource
