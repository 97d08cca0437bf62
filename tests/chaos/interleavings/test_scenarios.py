"""What must be seen for certain, not only by luck of the seed: each under several interleavings."""

from __future__ import annotations

import random
from functools import partial
from uuid import UUID

import pytest

from db.cards import operations
from devstack.simulators.cardtrader.knobs import Knobs
from tests.chaos.interleavings.hands import Hands
from tests.chaos.interleavings.market import stock_of
from tests.chaos.interleavings.play import begin, judged, play, settle
from tests.chaos.interleavings.report import Tally, told
from tests.chaos.interleavings.schedule import Pace
from tests.chaos.interleavings.stage import Stage
from tests.chaos.interleavings.story import Post, Story, knobs, plain_story, story

SEEDS = range(3)
# A seed names the seller, and the scenarios share a database.
ZERO, RELISTED, RELISTED_ANEW, EDITORS, CROWD, UNSTARTED = (1_000_000 + 100 * scenario for scenario in range(6))
UNRULY = Pace(sticky=0.3, deaths=2, weights=(1.0, 0.1))
BUYERS = 50
# Each broke a law once. 46: an edit that took the last copies was told to have failed. 50: a purchase's row rose again.
# 65: an export brought a product at the quantity it had before a sale that was already told.
# 163: of two listings alike one was told to have failed. 668: a listing that was sold out before it was verified was.
# 877: who asked to cancel was not known to have bought. 899: an edit was still to take off what a purchase had left.
BROKEN_ONCE = (46, 50, 65, 163, 668, 877, 899)
# 51: listings of a lost bulk call were taken for those of another product.
BROKEN_BY_KEEPERS = (51,)


def quiet(number: int) -> Knobs:
    """A CardTrader of that seed."""
    return knobs(random.Random(number))


async def hold(stage: Stage, tally: Tally, told_story: Story) -> None:
    """Play it; all laws hold."""
    outcome = await play(stage, told_story)
    tally.note(outcome)
    assert not outcome.violations, told(outcome)


@pytest.mark.parametrize("number", BROKEN_ONCE)
async def test_what_broke_a_law_once(stage: Stage, tally: Tally, number: int) -> None:
    await hold(stage, tally, plain_story(number))


@pytest.mark.parametrize("number", BROKEN_BY_KEEPERS)
async def test_what_broke_a_law_when_much_was_changed_at_once(stage: Stage, tally: Tally, number: int) -> None:
    await hold(stage, tally, story(number))


@pytest.mark.parametrize("number", SEEDS)
async def test_the_life_of_zero_orders_with_the_weekly_merge(stage: Stage, tally: Tally, number: int) -> None:
    life = ("sell_zero", "sell_zero", "merge", "sell_zero", "merge", "advance", "advance", "advance")
    await hold(stage, tally, Story(ZERO + number, knobs=quiet(number), pace=UNRULY, post=Post(repeated=0.5), site=life))


@pytest.mark.parametrize("relist", ["same_id", "new_id"])
@pytest.mark.parametrize("number", SEEDS)
async def test_products_sold_out_and_listed_again(stage: Stage, tally: Tally, number: int, relist: str) -> None:
    site = ("sell_last", "sell_last", "cancel", "cancel", "sell_last", "cancel")
    first = RELISTED if relist == "same_id" else RELISTED_ANEW
    behaviour = quiet(number).model_copy(update={"relist": relist})
    await hold(stage, tally, Story(first + number, products=4, blueprints=1, knobs=behaviour, pace=UNRULY, site=site))


@pytest.mark.parametrize("number", SEEDS)
async def test_two_editors_of_one_item(stage: Stage, tally: Tally, number: int) -> None:
    hands = (("stale", "both", "stale"), ("both", "stale", "quantity"))
    await hold(
        stage,
        tally,
        Story(
            EDITORS + number, products=1, blueprints=1, knobs=quiet(number), pace=UNRULY, site=("sell",), hands=hands
        ),
    )


async def test_a_sync_of_an_api_that_died_before_it_started_it_ends_with_a_reason(stage: Stage) -> None:
    world = await stage.open(Story(UNSTARTED, knobs=quiet(0)))
    begin(world)
    await world.rest()
    operation_id = UUID(int=UNSTARTED)
    async with world.database.begin() as connection:
        await operations.register(connection, world.user_id, operation_id, "bulk_sync", {"mode": "bulk_sync"})
    await settle(world)
    assert not [*await judged(world), *world.watch.violations, *world.errors]
    async with world.database.begin() as connection:
        ended = await operations.find(connection, world.user_id, str(operation_id))
    assert ended is not None
    assert (ended.state, ended.story.error and ended.story.error.code) == ("failed", "SYNC_INTERRUPTED")


@pytest.mark.parametrize("number", SEEDS)
async def test_fifty_buyers_of_the_last_copy(stage: Stage, number: int) -> None:
    world = await stage.open(Story(CROWD + number, products=2, blueprints=1, knobs=quiet(number), pace=UNRULY))
    stock = stock_of(world.seller)
    stock.set_quantity(0, 1)
    product = int(stock.columns.id[0])
    begin(world)
    await world.rest()
    world.bazaar.books.movements.clear()
    (item,) = await world.rows(
        "SELECT id FROM user_inventory_items WHERE user_id = $1 AND external_stock_id = $2", str(product)
    )
    for buyer in range(BUYERS):
        world.spawn(world.schedule.process("buyer", partial(_buy, world.hands, item["id"], buyer), mortal=False))
    await world.rest()
    await settle(world)
    bought = await world.rows("SELECT 1 FROM purchases WHERE user_id = $1 AND state = 'purchased'")
    assert (len(bought), stock.on_sale(product)) == (1, 0)
    assert [movement.change for movement in world.bazaar.books.movements] == [-1]
    assert not [*await judged(world), *world.watch.violations, *world.errors]


async def _buy(hands: Hands, item_id: int, buyer: int) -> None:
    await hands.buy(item_id, 1, f"buyer-{buyer}")
