"""What can become of a request to a neighbour of the bridge. The leaves' names are types on the Temporal wire.

    ClientError
    └── NeighbourError
        ├── Rejected       our credentials, or the request as a whole: SourceRejected, HubRejected
        ├── Unusable       an answer that cannot be understood: SourceUnusable, HubUnusable
        └── Unavailable    5xx, 429 or a network fault, after all tries; also `clients.errors.Postponed`:
                           SourceUnavailable, HubUnavailable

Messages hold a status, never a URL, a token or upstream text.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.errors import ClientError, Postponed

AGAIN_AFTER = 5.0
"""Seconds until a neighbour that could not be reached is asked again, if it did not say otherwise."""


class NeighbourError(ClientError):
    """A neighbour did not do what was asked."""


class Rejected(NeighbourError):
    """The neighbour refused the request; `status` is 0 where nothing was asked."""

    def __init__(self, message: str = "", *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Unusable(NeighbourError):
    """The neighbour answered something that cannot be understood."""


class Unavailable(NeighbourError, Postponed):
    """The neighbour cannot be reached or fails. `told` is the wait that it asked for."""

    def __init__(self, message: str = "", *, told: float | None = None) -> None:
        super().__init__(message, retry_after=AGAIN_AFTER if told is None else told)
        self.told = told


@dataclass(frozen=True, slots=True)
class Faults:
    """One neighbour's errors, and what its messages call it."""

    name: str
    rejected: type[Rejected]
    unusable: type[Unusable]
    unavailable: type[Unavailable]
