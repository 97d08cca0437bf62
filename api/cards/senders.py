"""Whose webhooks arrive at which address, remembered, because they come by the hundreds per second.

A secret that is remembered may have been replaced: whoever relies on one has the database confirm it in the
transaction that stores the webhook.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple
from uuid import UUID

_CACHED: Final = 1024


class Address(NamedTuple):
    """What stands in the path: the seller's id, or the account's webhook id."""

    kind: Literal["user_id", "webhook_id"]
    text: str


@dataclass(frozen=True, slots=True)
class Sender:
    """The account behind an address; `secret` is encrypted."""

    user_id: UUID
    secret: str = field(repr=False)


class Senders:
    """The accounts whose webhooks were verified last."""

    def __init__(self) -> None:
        self._senders: OrderedDict[Address, Sender] = OrderedDict()

    def known(self, address: Address) -> Sender | None:
        """Who was seen at the address."""
        return self._senders.get(address)

    def remember(self, address: Address, sender: Sender) -> None:
        """After its signature was verified: nobody else can fill the memory."""
        self._senders[address] = sender
        while len(self._senders) > _CACHED:
            self._senders.popitem(last=False)

    def forget(self, address: Address) -> None:
        """Its secret was replaced."""
        self._senders.pop(address, None)
