"""What is done here while CardTrader moves: prices are edited, copies are bought."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import httpx

from cli.demo.ledger import Listing

_PURCHASE_EVERY = 3


@dataclass
class OwnMoves:
    """One move per `step`, on the next of some random listings. `http` has the API's prefix and a token."""

    http: httpx.Client
    user_id: UUID
    listings: Iterator[Listing]
    rng: random.Random
    edits: int = 0
    purchases: int = 0
    steps: int = 0

    def step(self) -> None:
        """Edit or buy; a refusal is an answer like any other."""
        listing = next(self.listings, None)
        if listing is None:
            return
        self.steps += 1
        try:
            if self.steps % _PURCHASE_EVERY:
                self.edits += self._edit(listing)
            else:
                self.purchases += self._buy(listing)
        except httpx.TimeoutException:
            # Whatever became of it is settled in the end, as everything is.
            return

    def _edit(self, listing: Listing) -> bool:
        """By some percent: more would want an approval."""
        body = {"price_cents": 1 + listing.price_cents * self.rng.randint(80, 120) // 100}
        return self.http.put(f"/inventory/{self.user_id}/item/{listing.id}", json=body).is_success

    def _buy(self, listing: Listing) -> bool:
        answer = self.http.post(f"/purchase/{self.user_id}/item/{listing.id}", json={"purchaseQuantity": 1})
        return answer.status_code == httpx.codes.OK
