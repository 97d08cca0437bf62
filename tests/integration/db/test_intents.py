"""Intents: the row here, the change and its operation in one transaction; nothing is lost, whoever edits at once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from db.cards import change_batches, change_queue, expectations
from db.cards import changes as db_changes
from db.cards.changes import Ending
from db.cards.intents import NewListing
from domain.cards.edits import CopiesReserved, IntentRefused, KeyReused, NotListed, UnknownItem, VersionMoved
from tests.helpers.intents import changes, edit, item, put_on_sale, remove, run, states
from tests.helpers.stock import Stock, product

PROPERTIES = {"condition": "Near Mint", "mtg_language": "it", "cmc": "5"}


async def operations_of(stock: Stock) -> dict[str, tuple[str, str]]:
    found = await stock.one(
        "SELECT json_object_agg(operation_id, json_build_array(operation_type, status))"
        " FROM sync_operations WHERE user_id = :user"
    )
    return {name: tuple(value) for name, value in found.items()}


async def test_an_edit_changes_the_row_and_records_what_to_send(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=5, price_cents=1000, properties=PROPERTIES, content_hash=99)
    recorded = await edit(stock, item_id, price_cents=1500, quantity=3, properties={"condition": "Poor"})
    row = await item(stock, item_id)
    assert (row["price_cents"], row["quantity"], row["raise_pending"]) == (1500, 3, None)
    assert row["properties"] == {**PROPERTIES, "condition": "Poor"}
    assert (row["sync_state"], row["row_version"], row["content_hash"]) == ("pending", 2, None)
    assert row["changed_at"] > stock.began
    [change] = await changes(stock)
    assert change["wanted"] == {"price_cents": 1500, "properties": {"condition": "Poor", "mtg_language": "it"}}
    assert (change["action"], change["state"], change["delta"], change["product_id"]) == ("update", "waiting", -2, 7)
    assert (change["quantity_seen"], change["price_seen"], change["item_id"]) == (5, 1000, item_id)
    assert await operations_of(stock) == {str(recorded.operation_id): ("update", "pending")}


async def test_nothing_new_leaves_no_trace(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=5, price_cents=1000)
    before = await item(stock, item_id)
    recorded = await edit(stock, item_id, quantity=5, price_cents=1000)
    assert recorded.operation_id is None
    assert (await item(stock, item_id), await changes(stock)) == (before, [])


async def test_a_raise_is_only_offered_after_a_reread(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=5)
    recorded = await edit(stock, item_id, quantity=9)
    assert (recorded.listing.quantity, recorded.listing.expected) == (5, 9)
    # The same wish again is the same wish.
    assert (await edit(stock, item_id, quantity=9)).operation_id is None
    await edit(stock, item_id, quantity=8)
    assert [change["delta"] for change in await changes(stock)] == [4, -1]
    assert (await item(stock, item_id))["quantity"] == 4
    await stock.edit("sync_state = 'synced', changed_at = '2026-01-01'", 7)
    await stock.sync([product(7, quantity=8)])
    row = await item(stock, item_id)
    assert (row["quantity"], row["raise_pending"]) == (8, None)


async def test_a_hundred_editors_lose_nothing(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=1000, price_cents=1)

    async def lower(number: int) -> int:
        recorded = await edit(stock, item_id, price_cents=number + 2)
        return recorded.row_version

    versions = await asyncio.gather(*(lower(number) for number in range(100)))
    assert sorted(versions) == list(range(2, 102))
    assert (await item(stock, item_id))["row_version"] == 101
    found = await changes(stock)
    assert sorted(change["wanted"]["price_cents"] for change in found) == list(range(2, 102))
    # Later fields win, in the order of the changes.
    assert found[-1]["wanted"]["price_cents"] == (await item(stock, item_id))["price_cents"]


async def test_quantities_of_concurrent_editors_end_at_one_of_their_wishes(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=50)
    await asyncio.gather(*(edit(stock, item_id, quantity=wish) for wish in range(10, 90, 10)))
    row, found = await item(stock, item_id), await changes(stock)
    assert 50 + sum(change["delta"] for change in found) == row["quantity"] + (row["raise_pending"] or 0)
    assert row["quantity"] <= 50


async def test_two_editors_of_one_version(stock: Stock) -> None:
    item_id = await stock.add(7, price_cents=1)
    both = await asyncio.gather(
        *(edit(stock, item_id, frozenset((1,)), price_cents=price) for price in (2, 3)), return_exceptions=True
    )
    [lost] = [one for one in both if isinstance(one, VersionMoved)]
    assert lost.row_version == 2
    assert len(await changes(stock)) == 1


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("external_stock_id = NULL", NotListed),
        ("external_stock_id = 'shelf-7'", NotListed),
        ("deleted_at = now()", UnknownItem),
        ("reserved_quantity = 3", CopiesReserved),
    ],
)
async def test_what_cannot_be_edited(stock: Stock, state: str, refusal: type[IntentRefused]) -> None:
    item_id = await stock.add(7, quantity=5)
    await stock.edit(state, 7)
    with pytest.raises(refusal):
        await edit(stock, item_id, quantity=2)
    assert (await item(stock, item_id))["row_version"] == 1


async def test_another_sellers_item_is_unknown(stock: Stock) -> None:
    other = await Stock(stock.database).link()
    item_id = await other.add(7)
    with pytest.raises(UnknownItem):
        await edit(stock, item_id, quantity=1)
    with pytest.raises(UnknownItem):
        await remove(stock, item_id)
    assert (await item(other, item_id))["row_version"] == 1


async def test_a_deletion_hides_and_supersedes_what_was_not_sent(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=5, price_cents=10)
    sent = await edit(stock, item_id, price_cents=11)
    await run(stock, "UPDATE item_changes SET state = 'sending' WHERE user_id = :user")
    waiting = await edit(stock, item_id, price_cents=12)
    removed = await remove(stock, item_id)
    row = await item(stock, item_id)
    assert (row["deleted_at"] is not None, row["sync_state"], row["row_version"]) == (True, "pending", 4)
    found = await changes(stock)
    assert [(c["action"], c["state"], c["reason"]) for c in found] == [
        ("update", "sending", None),
        ("update", "cancelled", "SUPERSEDED"),
        ("delete", "waiting", None),
    ]
    assert found[1]["ended_at"] is not None
    assert await operations_of(stock) == {
        str(sent.operation_id): ("update", "pending"),
        str(waiting.operation_id): ("update", "cancelled"),
        str(removed.operation_id): ("delete", "pending"),
    }
    reason = await stock.one(
        "SELECT operation_metadata->'error'->>'message' FROM sync_operations WHERE operation_id = :id",
        id=str(waiting.operation_id),
    )
    assert reason == "The listing was deleted before this change was sent."
    with pytest.raises(UnknownItem):
        await remove(stock, item_id)


async def test_reserved_copies_keep_a_listing(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=5, reserved_quantity=1)
    with pytest.raises(CopiesReserved):
        await remove(stock, item_id)
    assert await changes(stock) == []


async def test_a_row_that_was_never_listed_is_simply_gone(stock: Stock) -> None:
    item_id = await stock.add(None)
    assert (await remove(stock, item_id)).operation_id is None
    assert await stock.rows() == {}


async def test_an_id_that_is_none_of_cardtraders_is_not_forgotten(stock: Stock) -> None:
    item_id = await stock.add(7)
    await stock.edit("external_stock_id = 'shelf-7'", 7)
    with pytest.raises(NotListed):
        await remove(stock, item_id)
    assert (await item(stock, item_id))["deleted_at"] is None


async def test_an_edit_outlives_a_sync_whose_export_is_older(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=5, price_cents=10)
    operation_id, _ = await stock.stage([product(7, quantity=5, price_cents=10)])
    await edit(stock, item_id, price_cents=99, quantity=1)
    await stock.apply(operation_id)
    row = await item(stock, item_id)
    assert (row["price_cents"], row["quantity"], row["sync_state"]) == (99, 1, "pending")


@pytest.mark.parametrize("refused", [2, 14])
async def test_a_wish_after_a_refusal_builds_on_what_cardtrader_has(stock: Stock, refused: int) -> None:
    """Ten copies there; the edit of the quantity is refused; before the re-read five are wished for."""
    item_id = await stock.add(7, quantity=10)
    await edit(stock, item_id, quantity=refused)
    batch_id = uuid4()
    async with stock.database.begin() as connection:
        await change_batches.stamp(connection, stock.user_id, batch_id, most=10)
        sent = await change_queue.waiting(connection, stock.user_id, batch_id, most=10)
        for _ in range(2):
            endings = [Ending(change, "failed", "REFUSED", "CardTrader refused it.") for change in sent]
            await db_changes.fail(connection, endings)
    row = await item(stock, item_id)
    assert (row["sync_state"], row["quantity"]) == ("uncertain", min(refused, 10))
    await edit(stock, item_id, quantity=5)
    assert [change["delta"] for change in await changes(stock)] == [refused - 10, -5]


async def test_the_largest_wishes_can_be_given_up(stock: Stock) -> None:
    item_id = await stock.add(7, quantity=2**31 - 1)
    for wish in (0, 2**31 - 1):
        await edit(stock, item_id, quantity=wish)
    lowered, _ = await changes(stock)
    async with stock.database.begin() as connection:
        await expectations.drop(connection, [lowered["id"]])
    assert (await item(stock, item_id))["raise_pending"] == 2**31 - 1


async def test_new_listings_are_one_operation(stock: Stock) -> None:
    operation_id = uuid4()
    listings = [NewListing(n, {"quantity": n, "price_cents": 5}) for n in (3, 1, 2)]
    assert await put_on_sale(stock, *listings, operation_id=operation_id)
    found = await changes(stock)
    assert [(c["action"], c["blueprint_id"], c["wanted"]["quantity"], c["delta"]) for c in found] == [
        ("create", 3, 3, 0),
        ("create", 1, 1, 0),
        ("create", 2, 2, 0),
    ]
    assert len({change["marker"] for change in found}) == 3
    assert await stock.rows() == {}


async def test_the_same_request_is_recorded_once(stock: Stock) -> None:
    operation_id, listing = uuid4(), NewListing(1, {"quantity": 1, "price_cents": 5})
    twice = await asyncio.gather(*(put_on_sale(stock, listing, operation_id=operation_id) for _ in range(8)))
    assert sorted(twice) == [False] * 7 + [True]
    assert await states(stock) == ["waiting"]
    with pytest.raises(KeyReused):
        await put_on_sale(stock, listing, operation_id=operation_id, fingerprint="another")
