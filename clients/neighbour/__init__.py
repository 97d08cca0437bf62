"""What the clients of the bridge's two neighbours share: requests, retries within bounds, tokens and errors."""

from __future__ import annotations

from clients.neighbour.errors import Faults, NeighbourError, Rejected, Unavailable, Unusable
from clients.neighbour.patience import Patience
from clients.neighbour.tokens import Credentials
from clients.neighbour.transport import Place, Request, Transport

__all__ = [
    "Credentials",
    "Faults",
    "NeighbourError",
    "Patience",
    "Place",
    "Rejected",
    "Request",
    "Transport",
    "Unavailable",
    "Unusable",
]
