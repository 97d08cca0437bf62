"""Errors of the `bridge` activities; the class name is the type on the Temporal wire (see workflows.policies).

    BridgeActivityError
    ├── BatchClosed       the batch ended elsewhere; nothing more may be done in its name
    ├── BatchIncomplete   a page is missing, or is not processed
    ├── EntityUnknown     there is no such entity
    ├── EntityDisabled    it is not to be synchronised
    ├── EntityUnusable    its configuration has a fault
    └── LawBroken         the metrics of a page do not add up (law L6)

    Postponed
    └── KeysUnderWay      another page of the batch with one of the keys has to be through first

Messages reach operators: no row, no key, no upstream text.
"""

from __future__ import annotations

import inspect

from clients.errors import Postponed


class BridgeActivityError(Exception):
    """A step of a batch could not be done."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.getdoc(type(self)))


class BatchClosed(BridgeActivityError):
    """The batch has ended already."""


class BatchIncomplete(BridgeActivityError):
    """A page of the batch is missing or was not processed."""


class EntityUnknown(BridgeActivityError):
    """There is no entity of this name."""


class EntityDisabled(BridgeActivityError):
    """The entity is not to be synchronised."""


class EntityUnusable(BridgeActivityError):
    """The configuration of the entity has a fault."""


class LawBroken(BridgeActivityError):
    """The rows of a page do not add up."""


class KeysUnderWay(Postponed):
    """Another page with the same key is being processed."""
