"""Everything that crosses the wire in the `store` context: a shop's id, counts and seconds."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from workflows.message import Message

STORE_PUSH_WORKFLOW: Final = "StorePushWorkflow"
STORE_SWEEP_WORKFLOW: Final = "StoreSweepWorkflow"
CHANGES_PENDING: Final = "changes_pending"


def store_push_id(store_id: str) -> str:
    """One entity workflow per shop."""
    return f"store-push:{store_id}"


class StoreRef(Message):
    """Names one shop."""

    store_id: str = Field(min_length=1, max_length=64)


class StorePushState(StoreRef):
    """The whole state of a shop's workflow; what is pending waits in `store_changes`.

    After `passes_per_run` passes it continues as new; a wait beyond `longest_wait_seconds` is left to the relay.
    """

    pending: bool = True
    passes: int = Field(0, ge=0)
    passes_per_run: int = Field(200, ge=1, le=500)
    idle_seconds: int = Field(30, ge=1, le=3600)
    pause_seconds: int = Field(60, ge=0, le=3600)
    longest_wait_seconds: int = Field(60, ge=1, le=3600)


class PushReport(StoreRef):
    """What a pass came to. `more`: another may follow at once; `wait_seconds` until one may, 0 when none need."""

    pushed: int = Field(0, ge=0)
    conflicts: int = Field(0, ge=0)
    failures: int = Field(0, ge=0)
    more: bool = False
    to_read: bool = False
    wait_seconds: int = Field(0, ge=0, le=86_400)


class StockRead(StoreRef):
    """Items whose central stock was read, and how many of them somebody else had moved."""

    items: int = Field(0, ge=0)
    moved: int = Field(0, ge=0)
    more: bool = False


class StorePage(Message):
    """Shops are swept in pages, by id."""

    after: str = Field("", max_length=64)
    stores: int = Field(0, ge=0, description="swept before this page")


class SweptStores(Message):
    """One page: how many shops were woken."""

    stores: int = Field(0, ge=0)
    after: str = Field("", max_length=64)
    is_last: bool = True


class StoresSwept(Message):
    """The whole sweep."""

    stores: int = Field(0, ge=0)
