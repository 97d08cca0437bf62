"""What the context `cards` forgets once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity

from activities.retention import forget
from db.cards import retention
from db.session import Database
from workflows.retention.contracts import Forgotten, Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long each is kept after it ended."""

    bodies: timedelta
    history: timedelta
    purchases: timedelta


class CardsRetention:
    """One activity."""

    def __init__(self, database: Database, ages: Ages) -> None:
        self._database = database
        self._old = {
            retention.empty_bodies: ages.bodies,
            retention.forget_webhooks: ages.history,
            retention.forget_operations: ages.history,
            retention.forget_plans: ages.history,
            retention.forget_letters: ages.history,
            retention.forget_purchases: ages.purchases,
        }

    @activity.defn
    async def forget_cards(self, turn: Retention) -> Forgotten:
        """Raises database errors."""
        return await forget(self._database, self._old, most=turn.portion)
