"""Call-backs: where they may go, how they are signed, how they are sent."""

from __future__ import annotations

from clients.callbacks.guard import Guard
from clients.callbacks.poster import Poster
from clients.callbacks.signing import Signed, new_secret, sign

__all__ = ["Guard", "Poster", "Signed", "new_secret", "sign"]
