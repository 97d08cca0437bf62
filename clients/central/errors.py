"""What can become of a request to central.

    ClientError
    └── CentralError
        ├── CentralUnavailable   no answer, or none that means anything; `sent`: it may have been done
        ├── CentralDenied        a fresh token of ours is not accepted: nothing was done
        └── CentralRefused       an answer that means no: nothing was done

Messages hold no URL, token or upstream text.
"""

from __future__ import annotations

from clients.errors import ClientError
from domain.store.stock import CentralStock


class CentralError(ClientError):
    """The central inventory did not do what was asked."""


class CentralUnavailable(CentralError):
    """The central inventory does not answer."""

    def __init__(self, message: str = "", *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class CentralDenied(CentralError):
    """The central inventory does not accept this service's credentials."""


class CentralRefused(CentralError):
    """The central inventory refused the request. `state` is its stock of the item, where it told it."""

    def __init__(self, status: int, state: CentralStock | None = None) -> None:
        super().__init__(f"The central inventory refused the request ({status}).")
        self.status = status
        self.state = state
