"""Sends changes to CardTrader, one by one or in one bulk call.

Idempotent: `sending` is committed before CardTrader is asked, and the answer after. What is found in `sending` later
was perhaps made; it is not sent again here, but looked for first (activities.cards.settling).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from activities.cards.showing import one_blueprint, shown
from clients.cardtrader import CardTraderClient, Gone, NewProduct, ProductChanges
from clients.cardtrader.errors import NotFound, OutcomeUnknown, Refused
from clients.errors import ClientError
from db.cards import changes as ledger
from db.cards import lifecycle
from db.cards.changes import Ending
from db.session import Database
from domain.cards.change_reasons import Reason, sentence
from domain.cards.changes import Action, Call, Change, copies_alike, marked
from domain.cards.products import BadProduct

_log = structlog.get_logger(__name__)
Before = tuple[datetime, dict[int, int | None]]
_FIELDS: Final = ("price_cents", "description", "user_data_field", "graded", "properties")


class ChangeSender:
    """Sends the changes of one call; each ends accepted, failed, waiting again or still in `sending`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, client: CardTraderClient, user_id: UUID, call: Call) -> None:
        """Raises what the client raises where nothing was done, so that it is worth a retry."""
        if call.bulk is not None:
            before = await self._copies_before(client, user_id, call)
            await self._send_call(client, call.changes, call.bulk, before)
            return
        for change in call.changes:
            await self._send_one(client, change)

    async def _send_one(self, client: CardTraderClient, change: Change) -> None:
        try:
            product_id = await self._ask(client, change)
        except OutcomeUnknown:
            _log.warning("change.outcome_unknown", change_id=change.id, action=change.action)
        except _Skipped:
            return
        except NotFound:
            await self._fail(change, "NOT_ON_SALE")
        except Refused as refusal:
            await self._fail(change, "REFUSED", refusal.fields)
        except ClientError:
            await self._put_back([change], counted=False)
            raise
        else:
            async with self._database.begin() as connection:
                await ledger.accept(connection, {change.id: product_id})

    async def _ask(self, client: CardTraderClient, change: Change) -> int | None:
        """The product of a new listing."""
        match change.action:
            case "create":
                return await self._create(client, change)
            case "update":
                await self._update(client, change)
            case "delete":
                await self._claim(change)
                await client.products.delete(_product_id(change))
        return None

    async def _update(self, client: CardTraderClient, change: Change) -> None:
        """The fields first: they may be sent again, so a difference that is begun is the only thing in doubt."""
        await self._claim(change)
        if not change.wanted.is_empty:
            await client.products.update(_product_id(change), asked(change))
        if change.difference:
            await self._increment(client, change)

    async def _increment(self, client: CardTraderClient, change: Change) -> None:
        began = await self._now()
        products = (await one_blueprint(client, change.blueprint_id)).products([_product_id(change)])
        if not products:
            raise NotFound
        if isinstance(products[0], BadProduct):
            raise Refused
        async with self._database.begin() as connection:
            if not await ledger.note_before(connection, change, products[0].quantity, began):
                raise _Skipped
        left = await client.products.increment(_product_id(change), change.difference)
        if isinstance(left, Gone) and left.already:
            raise NotFound

    async def _create(self, client: CardTraderClient, change: Change) -> int:
        began = await self._now()
        present = (await one_blueprint(client, change.blueprint_id)).products()
        await self._claim(change, before=copies_alike(change, present), began=began)
        return (await client.products.create(listing(change))).id

    async def _copies_before(self, client: CardTraderClient, user_id: UUID, call: Call) -> Before:
        """For each new listing, the copies on sale of what CardTrader may take for the same; and since when."""
        began, present = await self._now(), dict.fromkeys(_ids(call.changes))
        if call.bulk == "create":
            blueprints = sorted({change.blueprint_id for change in call.changes})
            async for group in shown(self._database, client, user_id, blueprints):
                products, listed = group.products(), set(group.blueprints)
                concerned = [change for change in call.changes if change.blueprint_id in listed]
                present |= {change.id: copies_alike(change, products) for change in concerned}
        return began, present

    async def _send_call(
        self, client: CardTraderClient, changes: Sequence[Change], action: Action, before: Before
    ) -> None:
        async with self._database.begin() as connection:
            claimed = await ledger.claim(connection, before[1], began=before[0])
        sent = [change for change in changes if change.id in claimed]
        if not sent:
            return
        try:
            job = await _BULK[action](client, sent)
        except OutcomeUnknown:
            _log.warning("change.outcome_unknown", changes=len(sent), action=action)
        except (Refused, NotFound):
            # Perhaps for its size, perhaps for one item: every half of it is tried.
            await self._put_back(sent, counted=True)
        except ClientError:
            await self._put_back(sent, counted=False)
            raise
        else:
            async with self._database.begin() as connection:
                await ledger.note_job(connection, _ids(sent), job)

    async def _claim(self, change: Change, before: int | None = None, began: datetime | None = None) -> None:
        async with self._database.begin() as connection:
            if not await ledger.claim(connection, {change.id: before}, began=began):
                raise _Skipped

    async def _put_back(self, changes: Sequence[Change], *, counted: bool) -> None:
        async with self._database.begin() as connection:
            await ledger.put_back(connection, _ids(changes), counted=counted)

    async def _fail(self, change: Change, reason: Reason, fields: Sequence[str] = ()) -> None:
        async with self._database.begin() as connection:
            await ledger.fail(connection, [Ending(change, "failed", reason, sentence(reason, fields))])

    async def _now(self) -> datetime:
        async with self._database.begin() as connection:
            return await lifecycle.now(connection)


class _Skipped(Exception):
    """The change was cancelled, or another attempt took it over, before it could be sent."""


def asked(change: Change) -> ProductChanges:
    """The fields of an update; a quantity is never among them, as it would undo sales."""
    return ProductChanges(**{name: getattr(change.wanted, name) for name in _FIELDS})


def listing(change: Change) -> NewProduct:
    """The product that a new listing asks for, with the marker that finds it again."""
    wanted = change.wanted
    if not isinstance(wanted.price_cents, int) or not isinstance(wanted.quantity, int):
        raise Refused("The listing has no price or quantity.")
    return NewProduct(
        blueprint_id=change.blueprint_id,
        price_cents=wanted.price_cents,
        quantity=wanted.quantity,
        properties=wanted.properties or {},
        description=wanted.description or None,
        user_data_field=marked(wanted.user_data_field, change.marker),
        graded=wanted.graded or None,
    )


def _product_id(change: Change) -> int:
    if change.product_id is None:
        raise NotFound
    return change.product_id


def _ids(changes: Sequence[Change]) -> list[int]:
    return [change.id for change in changes]


def _bulk_create(client: CardTraderClient, changes: Sequence[Change]) -> Awaitable[UUID]:
    return client.bulk.create([listing(change) for change in changes])


def _bulk_update(client: CardTraderClient, changes: Sequence[Change]) -> Awaitable[UUID]:
    return client.bulk.update([(_product_id(change), asked(change)) for change in changes])


def _bulk_destroy(client: CardTraderClient, changes: Sequence[Change]) -> Awaitable[UUID]:
    return client.bulk.destroy([_product_id(change) for change in changes])


_BULK: Final[dict[Action, Callable[[CardTraderClient, Sequence[Change]], Awaitable[UUID]]]] = {
    "create": _bulk_create,
    "update": _bulk_update,
    "delete": _bulk_destroy,
}
