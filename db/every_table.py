"""The metadata with the tables of every context on it."""

from __future__ import annotations

import db.bridge.tables
import db.cards.drift_tables
import db.cards.intent_tables
import db.cards.tables
import db.failed_tables
import db.marketplace.tables
import db.store.tables  # noqa: F401  (these register the tables)
from db.metadata import metadata as metadata
