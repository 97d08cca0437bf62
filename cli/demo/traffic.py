"""The third act: everybody moves at once while syncs run, then all comes to rest, and the books must be equal.

Webhooks tell of orders only, and some get lost: the reconciliation at the end repairs what nobody told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pydantic import BaseModel
from rich.console import Console
from rich.status import Status

from cli.answers import Progress
from cli.api_client import Api
from cli.demo.figures import Drift, TrafficFigures
from cli.demo.ledger import Ledger, look
from cli.demo.market import Market, Moves
from cli.demo.own_moves import OwnMoves
from cli.errors import CliError
from cli.following import follow, read_progress

PER_SECOND: Final = 5.0
_LOOK_SECONDS: Final = 0.5
_OWN_EVERY_SECONDS: Final = 1.0
_SYNC_EVERY_SECONDS: Final = 60.0
_REST_SECONDS: Final = 900.0


class _WebhookAddress(BaseModel):
    webhook_url: str


@dataclass(frozen=True)
class Place:
    """Where the act is played."""

    api: Api
    market: Market
    database_url: str
    user_id: UUID
    console: Console
    drift: Callable[[], Drift]


@dataclass
class Act:
    """What was counted while it was played."""

    syncs: int = 0
    most_uncertain: int = 0
    drift: Drift = field(default_factory=lambda: Drift(missing=0, extra=0, different=0))
    drift_due: float = 0.0
    sync_due: float = 0.0
    own_due: float = 0.0
    progress: str = ""


def play(place: Place, own: OwnMoves, seconds: int, seed: int, *, faults: bool) -> TrafficFigures:
    """Move for some seconds, then wait until nothing is open.

    Raises:
        CliError: something was refused, a sync failed, or it did not come to rest.
    """
    address = _WebhookAddress.model_validate_json(place.api.get(f"/webhook-url/{place.user_id}"))
    place.market.listen(address.webhook_url)
    if faults:
        place.market.break_things()
    act, began = Act(), time.monotonic()
    place.market.begin(max(1, round(seconds * PER_SECOND)), PER_SECOND, seed)
    with place.console.status("") as status:
        moves = _move(place, own, act, status)
        moved = time.monotonic()
        struck = place.market.mend()
        _come_to_rest(place, own, act, status)
    repaired = _reconcile(place)
    with place.console.status("Waiting for the last re-reads"):
        ledger = _rest(place, act)
    post = place.market.post()
    return TrafficFigures(
        seconds=round(moved - began, 1),
        sold=moves.sold,
        edited=moves.actions.get("edit", 0),
        cancelled=moves.actions.get("cancel", 0),
        destroyed=moves.actions.get("destroy", 0),
        own_edits=own.edits,
        purchases=own.purchases,
        syncs=act.syncs,
        webhooks_sent=post.queued,
        webhooks_received=ledger.webhooks,
        webhooks_lost=post.lost,
        faults=struck,
        most_uncertain=act.most_uncertain,
        converged_after=round(time.monotonic() - moved, 1),
        repaired=repaired,
        unsettled=ledger.open,
        drift=place.drift(),
    )


def _move(place: Place, own: OwnMoves, act: Act, status: Status) -> Moves:
    """Until the traffic is over: own moves, syncs, and the live line."""
    while True:
        now = time.monotonic()
        moves = place.market.moves()
        if not moves.background:
            return moves
        if now >= act.own_due:
            own.step()
            act.own_due = now + _OWN_EVERY_SECONDS
        _keep_syncing(place, act, now)
        _show(place, own, act, status)
        time.sleep(_LOOK_SECONDS)


def _keep_syncing(place: Place, act: Act, now: float) -> None:
    """A sync at the beginning, and another one each minute after the last has ended."""
    if act.progress:
        latest = _progress(place)
        act.progress = "" if latest.is_over else f"sync {latest.progress_percent} %"
        if latest.is_over:
            require_success(latest)
            act.sync_due = now + _SYNC_EVERY_SECONDS
    elif now >= act.sync_due:
        place.api.post(f"/start/{place.user_id}")
        act.syncs += 1
        act.progress = "sync 0 %"


def _come_to_rest(place: Place, own: OwnMoves, act: Act, status: Status) -> None:
    """Until every webhook arrived or was given up, and nothing waits for CardTrader."""
    deadline = time.monotonic() + _REST_SECONDS
    while place.market.post().pending or act.progress or _show(place, own, act, status).open:
        if time.monotonic() > deadline:
            # The reconciliation may still settle it; the figures tell.
            return
        act.sync_due = float("inf")
        _keep_syncing(place, act, time.monotonic())
        time.sleep(_LOOK_SECONDS)


def _rest(place: Place, act: Act) -> Ledger:
    deadline = time.monotonic() + _REST_SECONDS
    while (ledger := _look(place, act)).open and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return ledger


def _reconcile(place: Place) -> int:
    """What a periodic sync corrects: rows written, new and gone."""
    place.api.post(f"/sync-from-cardtrader/{place.user_id}")
    final = follow(place.api, place.user_id, place.console)
    require_success(final)
    return final.created + final.updated + final.stale


def _show(place: Place, own: OwnMoves, act: Act, status: Status) -> Ledger:
    moves, ledger = place.market.moves(), _look(place, act)
    _measure_drift(place, act)
    parts = (
        f"{moves.sold} sold, {moves.actions.get('edit', 0)} edited, {moves.actions.get('cancel', 0)} cancelled there",
        f"{own.edits} edited, {own.purchases} bought here",
        f"{ledger.webhooks} webhooks",
        f"{ledger.unsettled} rows uncertain",
        f"drift {act.drift.total}",
        act.progress,
    )
    status.update("  ".join(filter(None, parts)))
    return ledger


def _look(place: Place, act: Act) -> Ledger:
    ledger = asyncio.run(look(place.database_url, place.user_id))
    act.most_uncertain = max(act.most_uncertain, ledger.unsettled)
    return ledger


def _measure_drift(place: Place, act: Act) -> None:
    """Comparing takes longer the larger the stock is: at most a tenth of the time is spent on it."""
    began = time.monotonic()
    if began >= act.drift_due:
        act.drift = place.drift()
        act.drift_due = began + 10 * (time.monotonic() - began)


def _progress(place: Place) -> Progress:
    return read_progress(place.api.get(f"/progress/{place.user_id}"))


def require_success(final: Progress) -> None:
    """Raise `CliError` for a sync that ended otherwise."""
    if not final.is_success:
        reason = f"{final.error.code}: {final.error.message}" if final.error else "no reason was given"
        raise CliError(f"The sync ended as {final.state} ({reason})")
