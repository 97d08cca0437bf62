"""Wakes account workflows in the background, once for each matter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from api.signalling import Signals
from workflows.cards.poking import Matter

Poke = Callable[[UUID, Matter], Awaitable[None]]


class AccountSignals(Signals[tuple[UUID, Matter]]):
    """`notify` as often as you like."""

    def __init__(self, poke: Poke, *, pause: float = 0.25) -> None:
        super().__init__(lambda named: poke(*named), pause=pause)

    def notify(self, user_id: UUID, matter: Matter = "events") -> None:
        """Have the account poked soon."""
        self.name((user_id, matter))
