"""The central inventory: one client for all shops, with the service's own token."""

from __future__ import annotations

from clients.central.client import Adjustment, CentralClient
from clients.central.errors import CentralDenied, CentralError, CentralRefused, CentralUnavailable
from clients.central.tokens import Credentials, TokenSource

__all__ = [
    "Adjustment",
    "CentralClient",
    "CentralDenied",
    "CentralError",
    "CentralRefused",
    "CentralUnavailable",
    "Credentials",
    "TokenSource",
]
