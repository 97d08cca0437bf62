"""Tables of the `bridge` context (spec: bridge.md; columns of the seed's tables and what its design left out).

Dead letters are in the shared `failed_records`.
"""

from __future__ import annotations

from db.bridge.batch_tables import (
    BATCH_STATUSES,
    OPEN_STATUSES,
    SYNC_TYPES,
    batch_pages,
    batch_values,
    planned_deletions,
    superseded_rows,
    sync_batches,
)
from db.bridge.columns import METRICS
from db.bridge.config_tables import SCHEDULE_STATES, background_sync_schedule, entity_config, field_mappings
from db.bridge.state_tables import erp_sync_state, pending_children, record_state

__all__ = [
    "BATCH_STATUSES",
    "METRICS",
    "OPEN_STATUSES",
    "SCHEDULE_STATES",
    "SYNC_TYPES",
    "background_sync_schedule",
    "batch_pages",
    "batch_values",
    "entity_config",
    "erp_sync_state",
    "field_mappings",
    "pending_children",
    "planned_deletions",
    "record_state",
    "superseded_rows",
    "sync_batches",
]
