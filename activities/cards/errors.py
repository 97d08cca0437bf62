"""Errors of the `cards` activities; the class name is the type on the Temporal wire (see workflows.policies).

    CardsActivityError
    ├── OperationClosed     the sync ended elsewhere; nothing more may be done in its name
    ├── AccountNotLinked    there is no token to work with
    ├── StagingSuperseded   a later attempt stages this export
    ├── ExportUnusable      every download of the export was malformed
    ├── ExportTooSlow       every download of the whole export timed out
    └── ChunkUnreadable     a staged chunk does not decode

Messages reach operators and, by code, sellers: no token, no product, no upstream text.
"""

from __future__ import annotations

import inspect


class CardsActivityError(Exception):
    """A step of a sync could not be done."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.getdoc(type(self)))


class OperationClosed(CardsActivityError):
    """The sync has ended already."""


class AccountNotLinked(CardsActivityError):
    """The account is not linked to CardTrader."""


class StagingSuperseded(CardsActivityError):
    """A later attempt has taken over staging this export."""


class ExportUnusable(CardsActivityError):
    """CardTrader's export stayed malformed over several downloads."""


class ExportTooSlow(CardsActivityError):
    """CardTrader's full export timed out several times."""


class ChunkUnreadable(CardsActivityError):
    """A staged chunk cannot be decoded."""
