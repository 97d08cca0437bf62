"""What the answers of the activities of `bridge` say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from activities.measures import ActivityMeasures, Telling
from workflows.bridge.contracts import Ended, Fetched, PageCounts

BATCH: Final = "bridge_batch"


def _fetched(measures: ActivityMeasures, page: Fetched, seconds: float) -> None:
    measures.items("bridge_fetch", fetched=page.rows)
    measures.took("bridge_fetch", seconds)


def _processed(measures: ActivityMeasures, page: PageCounts, seconds: float) -> None:
    measures.items(BATCH, **page.model_dump(exclude={"rows"}))
    measures.took("bridge_page", seconds)


def _ended(measures: ActivityMeasures, ended: Ended, _seconds: float) -> None:
    measures.items(BATCH, deleted=ended.deleted)
    measures.ended(BATCH, ended.status)


TELLINGS: Final[Mapping[str, Telling]] = {
    "fetch_page": _fetched,
    "process_page": _processed,
    "finish_batch": _ended,
}
