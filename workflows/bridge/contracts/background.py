"""Wire models of the nights of a background schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import Field

from workflows.bridge.contracts.batch import MOST_ROWS_PER_PAGE, PageCounts
from workflows.message import Message

BACKGROUND_SYNC_WORKFLOW: Final = "BackgroundSyncWorkflow"


def background_sync_id(schedule_uid: UUID) -> str:
    """The workflow id of a night begun by hand; Temporal appends the time of those that a schedule begins."""
    return f"bridge-background:{schedule_uid}"


def background_schedule_id(schedule_uid: UUID) -> str:
    """The id of the Temporal Schedule."""
    return f"brx-bridge-{schedule_uid}"


class NightProgress(Message):
    """Where a night stands; carried through continue-as-new between two pages. `last`: the source has no more."""

    batch_uid: UUID
    next_page: int = Field(1, ge=1)
    last: bool = False
    totals: PageCounts = PageCounts()


class NightRun(Message):
    """Start of a night, or of its next run when `progress` is set. `force`: outside the window too."""

    schedule_uid: UUID
    force: bool = False
    progress: NightProgress | None = None


class NightRef(Message):
    """Asks what to do at `now`; `batch_uid` is the one to open, or the one that is open."""

    schedule_uid: UUID
    batch_uid: UUID
    now: datetime
    force: bool = False


class NightLost(NightRef):
    """A night that did not end well; the code picks the sentence a person reads."""

    code: str = Field(max_length=50)


class NextPage(NightRef):
    """The same before page `page_no`, once what is done is noted. `last`: the source has no more."""

    page_no: int = Field(1, ge=1)
    last: bool = False


class NightStep(Message):
    """What to do: a page of up to `rows`, or nothing before `until`. `completed`: the source has no more rows."""

    rows: int = Field(0, ge=0, le=MOST_ROWS_PER_PAGE)
    until: datetime | None = None
    completed: bool = False


class NightOpened(Message):
    """Whether a batch was registered for this night; if not, when to look again."""

    is_open: bool = False
    until: datetime | None = None


class NightResult(Message):
    """Result of the workflow: what this night did, and whether the schedule is through."""

    pages: int = Field(0, ge=0)
    totals: PageCounts = PageCounts()
    completed: bool = False
    until: datetime | None = None
