"""The queue of a seller is bounded; counting is seldom."""

from __future__ import annotations

from uuid import UUID

import pytest

from api.cards.change_room import ChangeRoom
from api.cards.errors import ChangeQueueFull

ONE, OTHER = UUID(int=1), UUID(int=2)


class Queue:
    """A queue of one length for all, and a clock."""

    def __init__(self, open_changes: int) -> None:
        self.open, self.counted, self.now = open_changes, 0, 0.0
        self.room = ChangeRoom(10, lambda: self.now)

    async def count(self) -> int:
        self.counted += 1
        return self.open

    async def take(self, changes: int, user_id: UUID = ONE) -> None:
        await self.room.take(user_id, changes, self.count)


async def test_what_was_let_in_counts_without_a_query() -> None:
    queue = Queue(2)
    for changes in (3, 4, 1):
        await queue.take(changes)
    assert queue.counted == 1
    queue.open = 10
    with pytest.raises(ChangeQueueFull) as full:
        await queue.take(1)
    assert (queue.counted, full.value.status, full.value.code) == (2, 429, "CHANGE_QUEUE_FULL")
    assert full.value.headers == {"Retry-After": "60"}


async def test_before_anybody_is_refused_the_queue_is_counted_again() -> None:
    queue = Queue(0)
    await queue.take(10)
    queue.open = 4
    await queue.take(6)
    assert queue.counted == 2


async def test_a_count_grows_old_and_belongs_to_one_seller() -> None:
    queue = Queue(10)
    for user_id in (ONE, OTHER):
        with pytest.raises(ChangeQueueFull):
            await queue.take(1, user_id)
    queue.open, queue.now = 0, 6.0
    await queue.take(10)
    assert queue.counted == 3


async def test_sellers_of_long_ago_are_forgotten() -> None:
    queue = Queue(0)
    for number in range(1_000):
        await queue.take(1, UUID(int=number))
    queue.now = 6.0
    await queue.take(1, UUID(int=5_000))
    assert len(queue.room._seen) == 1
