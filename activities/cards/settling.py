"""Finds out what became of changes: by the results of their job, or by what CardTrader shows.

Idempotent: a change is decided once, in the transaction that records it; to look again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.cards.news import SaleNews
from activities.cards.showing import Shown, shown
from clients.cardtrader import CardTraderClient, Job
from db import failed_records
from db.cards import change_queue
from db.cards import changes as ledger
from db.cards import listings as known
from db.cards.change_queue import Sent
from db.cards.changes import Ending
from db.session import Database
from domain.cards.change_reasons import Reason, sentence
from domain.cards.changes import MOST_ATTEMPTS, Change, Finding, find_out
from domain.cards.listings import Lost, Made, find_listings
from domain.cards.outcomes import by_product, sold_after
from domain.cards.products import BadProduct, Product

_log = structlog.get_logger(__name__)


Found = Sequence[tuple[Change, Finding]]


class ChangeSettler:
    """Moves changes out of `sending`."""

    def __init__(self, database: Database, news: SaleNews, *, skew: timedelta) -> None:
        self._database, self._news, self._skew = database, news, skew

    async def by_job(self, sent: Sequence[Sent], job: Job) -> None:
        """Record what a job tells of each of its changes; what it is silent about stays unknown."""
        items = [(one.change, job.item(one.job_index)) for one in sent]
        done = {change.id: item.product_id for change, item in items if item.outcome == "done"}
        refused = [_failure(change, "REFUSED", item.fields) for change, item in items if item.outcome == "refused"]
        silent = [change.id for change, item in items if item.outcome == "unknown"]
        async with self._database.begin() as connection:
            await ledger.accept(connection, done)
            await ledger.fail(connection, refused)
            await ledger.forget_job(connection, silent)
        if refused or silent:
            _log.warning("change.job_not_clean", job=str(job.uuid), refused=len(refused), unknown=len(silent))

    async def by_stock(self, client: CardTraderClient, user_id: UUID, sent: Sequence[Sent]) -> None:
        """Read CardTrader's stock and decide each change. Raises what the client raises, or `ExportRejected`."""
        blueprints = sorted({one.change.blueprint_id for one in sent})
        times = await self._news.catch_up(client, user_id)
        async with self._database.begin() as connection:
            before = await change_queue.sold_since(connection, user_id, sent)
        async for group in shown(self._database, client, user_id, blueprints):
            concerned = [one for one in sent if one.change.blueprint_id in group.blueprints]
            # Also a sale between the two readings, whose webhook is still to come.
            times = {**times, **await self._news.catch_up(client, user_id)}
            async with self._database.begin() as connection:
                sold = await change_queue.sold_since(connection, user_id, concerned)
                # Of a sale that was told meanwhile nobody knows whether this stock shows it: the next look will.
                moved = {one.change.blueprint_id for one in concerned if sold[one.change.id] != before[one.change.id]}
                still = [one for one in concerned if one.change.blueprint_id not in moved]
                since = {
                    one.change.id: sold_after(sold[one.change.id], one.sent_at, times, skew=self._skew) for one in still
                }
                look = await _look(connection, user_id, group, still)
                sure, most = ({name: by_product(pair[place]) for name, pair in since.items()} for place in (0, 1))
                await self._record(connection, user_id, _agreed(look.at(still, sure), look.at(still, most)))

    async def _record(self, connection: AsyncConnection, user_id: UUID, found: Found) -> None:
        made = {change.id: finding.product_id for change, finding in found if finding.outcome == "applied"}
        not_made = [change for change, finding in found if finding.outcome == "not_applied"]
        hopeless = [_failure(change, "CARDTRADER_FAILING") for change in not_made if change.attempts >= MOST_ATTEMPTS]
        again = [change.id for change in not_made if change.attempts < MOST_ATTEMPTS]
        undecided = [_failure(change, "OUTCOME_UNKNOWN") for change, finding in found if finding.outcome == "undecided"]
        await ledger.accept(connection, made)
        await ledger.fail(connection, hopeless + undecided)
        await ledger.put_back(connection, again, counted=True)
        for failure in undecided:
            await _bury(connection, user_id, failure)


async def _bury(connection: AsyncConnection, user_id: UUID, failure: Ending) -> None:
    """A person has to look at what nobody can tell."""
    letter = failed_records.Letter(str(failure.change.id), failure.detail or "", None)
    operation_id = failure.change.operation_id
    await failed_records.bury(connection, user_id, operation_id, [letter], context="cards", stage="change")


def _failure(change: Change, reason: Reason, fields: Sequence[str] = ()) -> Ending:
    return Ending(change, "failed", reason, sentence(reason, fields))


def _agreed(one: Found, other: Found) -> Found:
    """What two accounts of the sales come to."""
    return [(change, _both(change, first, second)) for (change, first), (_, second) in zip(one, other, strict=True)]


def _both(change: Change, one: Finding, other: Finding) -> Finding:
    """Sales that explain nothing of a difference were not the sales; a listing may have been made, or not."""
    if change.action != "create" and "undecided" in (one.outcome, other.outcome):
        return one if other.outcome == "undecided" else other
    return one if one == other else Finding("undecided")


SoldByChange = Mapping[int, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class _Look:
    """What CardTrader shows, by blueprint, and what our books know of it; `doubtful` changes were beside purchases."""

    products: Mapping[int, Sequence[Product | BadProduct]]
    doubtful: Collection[int]
    made: Mapping[int, Sequence[Made]]
    here: Mapping[int, int]

    def at(self, sent: Sequence[Sent], sold: SoldByChange) -> Found:
        """What became of each, if that was sold."""
        listings = self._listings([one for one in sent if one.change.action == "create"], sold)
        return [(one.change, listings.get(one.change.id) or self._find(one.change, sold)) for one in sent]

    def _find(self, change: Change, sold: SoldByChange) -> Finding:
        if change.id in self.doubtful and change.tells_by_quantity:
            return Finding("undecided")
        return find_out(change, self._shown(change.blueprint_id), sold[change.id])

    def _listings(self, listings: Sequence[Sent], sold: SoldByChange) -> dict[int, Finding]:
        """All of a blueprint together."""
        found: dict[int, Finding] = {}
        for number in {one.change.blueprint_id for one in listings}:
            lost = [
                Lost(one.change, one.sent_at, sold[one.change.id], doubtful=one.change.id in self.doubtful)
                for one in listings
                if one.change.blueprint_id == number
            ]
            found |= find_listings(lost, self.made.get(number, ()), self._shown(number), self.here)
        return found

    def _shown(self, blueprint_id: int) -> list[Product | BadProduct]:
        """One that names no usable blueprint may belong to any."""
        return [*self.products.get(blueprint_id, ()), *self.products.get(0, ())]


async def _look(connection: AsyncConnection, user_id: UUID, group: Shown, sent: Sequence[Sent]) -> _Look:
    doubtful = await change_queue.beside_purchases(connection, user_id, sent)
    listed = {one.change.blueprint_id for one in sent if one.change.action == "create"}
    made = await known.made(connection, user_id, listed) if listed else {}
    here = await known.here(connection, user_id, listed) if listed else {}
    return _Look(_by_blueprint(group.products()), doubtful, made, here)


def _by_blueprint(rows: Sequence[Product | BadProduct]) -> dict[int, list[Product | BadProduct]]:
    found: dict[int, list[Product | BadProduct]] = {}
    for row in rows:
        found.setdefault(row.blueprint_id if isinstance(row, Product) else 0, []).append(row)
    return found
