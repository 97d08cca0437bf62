"""Wakes shops' workflows in the background, so that no sale waits for Temporal."""

from __future__ import annotations

from api.signalling import Signals


class StoreSignals(Signals[str]):
    """`notify` as often as you like."""

    def notify(self, store_id: str) -> None:
        """Have the shop poked soon."""
        self.name(store_id)
