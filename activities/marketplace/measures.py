"""What the answers of the activities of `marketplace` say. Outcomes are counted where they are decided, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from activities.measures import ActivityMeasures, Telling
from workflows.marketplace.contracts import ReplayPage


def _took(operation_type: str) -> Telling:
    def tell(measures: ActivityMeasures, _answer: Any, seconds: float) -> None:
        measures.took(operation_type, seconds)

    return tell


def _replayed(measures: ActivityMeasures, page: ReplayPage, seconds: float) -> None:
    measures.items("callback_replay", sent=page.sent)
    measures.took("callback_replay", seconds)


TELLINGS: Final[Mapping[str, Telling]] = {
    "import_receipt": _took("order_import"),
    "import_batch": _took("order_import_batch"),
    "deliver_event": _took("callback_delivery"),
    "replay_page": _replayed,
}
