"""What the bridge forgets once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity

from activities.retention import forget
from db.bridge import retention
from db.session import Database
from workflows.retention.contracts import Forgotten, Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long each is kept after it ended."""

    batches: timedelta
    letters: timedelta
    waits: timedelta


class BridgeRetention:
    """One activity."""

    def __init__(self, database: Database, ages: Ages) -> None:
        self._database = database
        # Letters and waits first: batches stay while there are any that are open, and for no others.
        self._old = {
            retention.forget_letters: ages.letters,
            retention.forget_waits: ages.waits,
            retention.forget_batches: ages.batches,
        }

    @activity.defn
    async def forget_bridge(self, turn: Retention) -> Forgotten:
        """Raises database errors."""
        return await forget(self._database, self._old, most=turn.portion)
