"""Named timeouts and retry presets: every activity call states one (reference: temporal.md 1.5, 1.6).

Rate-limit waits arrive as failures carrying `next_retry_delay`; each still consumes an attempt, so attempts
are unlimited and the schedule-to-close budget bounds the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy


@dataclass(frozen=True)
class ActivityPolicy:
    """How long one attempt and all attempts together may take, and which errors end them at once."""

    start_to_close: timedelta
    schedule_to_close: timedelta
    heartbeat: timedelta | None
    retry: RetryPolicy


def _retry(*final: str, first: float = 0.5, most: float = 30) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=first),
        maximum_interval=timedelta(seconds=most),
        maximum_attempts=0,
        non_retryable_error_types=list(final),
    )


LINK_ERRORS = ("AccountNotLinked", "TokenRejected", "AccessDenied")
FENCE_ERRORS = ("OperationClosed", "BatchClosed")
BRIDGE_ERRORS = (
    *("EntityUnknown", "EntityDisabled", "EntityUnusable"),
    *("SourceRejected", "SourceUnusable", "HubRejected", "HubUnusable"),
)

DATABASE = ActivityPolicy(
    start_to_close=timedelta(seconds=30),
    schedule_to_close=timedelta(hours=1),
    heartbeat=None,
    retry=_retry(*FENCE_ERRORS, *LINK_ERRORS, *BRIDGE_ERRORS),
)
STAGE_EXPORT = ActivityPolicy(
    start_to_close=timedelta(hours=2),
    schedule_to_close=timedelta(hours=12),
    heartbeat=timedelta(seconds=20),
    retry=_retry(*FENCE_ERRORS, *LINK_ERRORS, "ExportUnusable", "ExportTooSlow", first=1, most=60),
)
# The heartbeat, not the time allowed, tells that a worker died: a chunk is soon taken over, and may be slow.
APPLY_CHUNK = ActivityPolicy(
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=30),
    heartbeat=timedelta(seconds=10),
    retry=_retry(*FENCE_ERRORS, "ChunkUnreadable"),
)
REREAD = ActivityPolicy(
    start_to_close=timedelta(minutes=20),
    schedule_to_close=timedelta(minutes=30),
    heartbeat=timedelta(seconds=60),
    retry=_retry(*FENCE_ERRORS, *LINK_ERRORS, first=1, most=60),
)
# A repeat is safe: it finds `sending`, and looks at CardTrader before it sends again.
SEND = ActivityPolicy(
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=15),
    heartbeat=timedelta(seconds=60),
    retry=_retry(*FENCE_ERRORS, *LINK_ERRORS, first=1, most=60),
)
# Somebody waits. What is not decided within the budget is started again by the relay, until it is.
PURCHASE = ActivityPolicy(
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(hours=12),
    heartbeat=timedelta(seconds=10),
    retry=_retry(*FENCE_ERRORS, first=0.2, most=10),
)
# Short: the sync that follows repairs, if it cannot name them, what orders would have told.
FIND_ORDERS = ActivityPolicy(
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=20),
    retry=_retry(*FENCE_ERRORS, *LINK_ERRORS, first=1, most=60),
)
FINISH = ActivityPolicy(
    start_to_close=timedelta(minutes=10),
    schedule_to_close=timedelta(hours=2),
    heartbeat=timedelta(seconds=20),
    retry=_retry(*FENCE_ERRORS),
)

# The client tries a call again by itself; what is left are neighbours that stay away for longer.
FETCH_PAGE = ActivityPolicy(
    start_to_close=timedelta(minutes=15),
    schedule_to_close=timedelta(hours=1),
    heartbeat=timedelta(seconds=10),
    retry=_retry(*FENCE_ERRORS, *BRIDGE_ERRORS, first=1, most=60),
)
# A repeat is safe: until it is committed a page is processed again as a whole, to the same outcome at the hub.
PROCESS_PAGE = ActivityPolicy(
    start_to_close=timedelta(minutes=15),
    schedule_to_close=timedelta(hours=1),
    heartbeat=timedelta(seconds=10),
    retry=_retry(*FENCE_ERRORS, *BRIDGE_ERRORS, first=1, most=60),
)
# It may send many deletions to the hub.
FINISH_BATCH = ActivityPolicy(
    start_to_close=timedelta(hours=1),
    schedule_to_close=timedelta(hours=3),
    heartbeat=timedelta(seconds=20),
    retry=_retry(*FENCE_ERRORS, *BRIDGE_ERRORS, first=1, most=60),
)
# Lost at no cost: every five minutes a schedule looks for what waits.
WAKE = ActivityPolicy(
    start_to_close=timedelta(seconds=20),
    schedule_to_close=timedelta(minutes=1),
    heartbeat=None,
    retry=_retry(),
)
# A repeat is safe: movements carry their key, and what is unsettled is found as it was sent.
STORE_PASS = ActivityPolicy(
    start_to_close=timedelta(minutes=15),
    schedule_to_close=timedelta(hours=1),
    heartbeat=timedelta(seconds=20),
    retry=_retry(most=60),
)

# Somebody waits; what is not decided within the budget is due, and the sweep takes it up.
IMPORT_RECEIPT = ActivityPolicy(
    start_to_close=timedelta(seconds=40),
    schedule_to_close=timedelta(minutes=2),
    heartbeat=timedelta(seconds=8),
    retry=_retry(first=0.2, most=5),
)
# A hundred receipts at the marketplace's pace. A repeat is safe: it goes on with what it has claimed.
IMPORT_BATCH = ActivityPolicy(
    start_to_close=timedelta(minutes=20),
    schedule_to_close=timedelta(hours=2),
    heartbeat=timedelta(seconds=20),
    retry=_retry(first=1, most=60),
)
SWEEP_STORES = ActivityPolicy(
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=8),
    heartbeat=timedelta(seconds=20),
    retry=_retry(first=1, most=30),
)
# One attempt at each endpoint, all at once. What is not done within the budget the relay starts again.
DELIVER = ActivityPolicy(
    start_to_close=timedelta(seconds=30),
    schedule_to_close=timedelta(hours=12),
    heartbeat=timedelta(seconds=8),
    retry=_retry(first=0.5, most=30),
)
# An endpoint that fails is tried for an hour; then the replay stops and says so.
REPLAY = ActivityPolicy(
    start_to_close=timedelta(minutes=20),
    schedule_to_close=timedelta(hours=1),
    heartbeat=timedelta(seconds=20),
    retry=_retry("ReplayOver", first=1, most=300),
)
# Much is old when it is first switched on. A repeat is safe: what is gone is gone.
FORGET = ActivityPolicy(
    start_to_close=timedelta(hours=1),
    schedule_to_close=timedelta(hours=6),
    heartbeat=timedelta(seconds=20),
    retry=_retry(first=1, most=60),
)
