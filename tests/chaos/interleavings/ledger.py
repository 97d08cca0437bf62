"""Conservation: what we say we did to an item is what CardTrader booked, and start plus movements is the end.

The simulator books every movement with the process that caused it; our tables claim outcomes. A change whose outcome
we ourselves call unknown may have been made or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tests.chaos.interleavings.linear import Done, linearizable
from tests.chaos.interleavings.market import SITE, Movement, stock_of
from tests.chaos.interleavings.world import World

# A listing that is not as asked was made all the same, of the product it names. What is no longer on sale may have
# been sold out after the difference was made.
_CLAIMS: Final = """
SELECT coalesce(product_id, 0) AS product, blueprint_id, created_at, ended_at,
       state = 'verified' OR action = 'create' AND reason = 'NOT_AS_ASKED' AS done,
       CASE action WHEN 'create' THEN (wanted->>'quantity')::int ELSE delta END AS change,
       state = 'failed' AND sent_at IS NOT NULL AND reason <> 'REFUSED'
       AND (reason <> 'NOT_ON_SALE' OR quantity_before IS NOT NULL) AS unsure
FROM item_changes WHERE user_id = $1 AND action <> 'delete'
UNION ALL
SELECT product_id, blueprint_id, created_at, ended_at, state = 'purchased', -quantity,
       state = 'refused' AND reason = 'OUTCOME_UNKNOWN'
FROM purchases WHERE user_id = $1
"""


@dataclass
class _Account:
    """One product: what CardTrader booked for us, what we claim, and what we leave open."""

    booked: list[Movement] = field(default_factory=list)
    claims: list[Done] = field(default_factory=list)
    unsure: list[int] = field(default_factory=list)


async def conserved(world: World) -> list[str]:
    """Every product, one by one."""
    movements = world.bazaar.books.movements
    accounts = await _accounts(world)
    broken = [line for product, account in accounts.items() for line in _unbalanced(product, account)]
    for product, account in accounts.items():
        moved = [movement for movement in movements if movement.product_id == product]
        if moved and not account.unsure and _is_plain(moved) and not _linear(world, product, account, moved):
            broken.append(f"not linearizable: product {product}: {account.claims}, {moved}")
    return broken


async def _accounts(world: World) -> dict[int, _Account]:
    accounts: dict[int, _Account] = {}
    for movement in world.bazaar.books.movements:
        account = accounts.setdefault(movement.product_id, _Account())
        if movement.by != SITE and not movement.removed:
            account.booked.append(movement)
    for row in await world.rows(_CLAIMS):
        concerned = [row["product"]] if row["product"] else _of_blueprint(world, row["blueprint_id"], accounts)
        for product in concerned:
            account = accounts.setdefault(product, _Account())
            if row["done"] and row["change"]:
                account.claims.append(Done(_moment(row["created_at"]), _moment(row["ended_at"]), row["change"]))
            elif row["unsure"] and row["change"]:
                account.unsure.append(row["change"])
    return accounts


def _of_blueprint(world: World, blueprint: int, accounts: Iterable[int]) -> list[int]:
    """A listing whose product is not known may have gone to any of its blueprint."""
    stock = stock_of(world.seller)
    rows = {product: stock.row_of(product) for product in accounts}
    return [product for product, row in rows.items() if row is not None and stock.read(row).blueprint_id == blueprint]


def _unbalanced(product: int, account: _Account) -> Iterator[str]:
    booked = sum(movement.asked for movement in account.booked)
    claimed = sum(claim.change for claim in account.claims)
    if booked - claimed not in _sums(account.unsure):
        yield f"conservation: product {product}: {claimed} claimed, {booked} booked: {account.booked}"


def _sums(unsure: list[int]) -> set[int]:
    sums = {0}
    for change in unsure:
        sums |= {sum_ + change for sum_ in sums}
    return sums


def _is_plain(moved: list[Movement]) -> bool:
    """Neither deleted, nor taken from by more than it had: CardTrader ends a product without refusing."""
    return not any(movement.removed or movement.asked != movement.change for movement in moved)


def _linear(world: World, product: int, account: _Account, moved: list[Movement]) -> bool:
    site = [
        Done(_moment(movement.at), _moment(movement.at), movement.change) for movement in moved if movement.by == SITE
    ]
    return linearizable(moved[0].before, [*account.claims, *site], stock_of(world.seller).on_sale(product))


def _moment(time: datetime) -> float:
    return time.timestamp()
