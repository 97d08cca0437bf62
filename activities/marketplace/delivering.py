"""Call-backs: what is due is sent, and what came of it is committed endpoint by endpoint.

At least once: an attempt whose worker died before the commit is made again, under the same event id. An endpoint
that fails repeatedly is left alone for a while by all workers, so that its waiting takes no slot from the others.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from temporalio import activity

from activities.measures import measures
from activities.support import beating, postponing
from clients.callbacks import Signed, sign
from clients.circuit_breaker import CircuitBreaker
from clients.errors import CircuitOpen, LimiterUnavailable, Postponed
from db.marketplace import deliveries, endpoints, replays
from db.marketplace.deliveries import Parcel, Standing
from db.session import Database
from db.vault import Vault
from domain.marketplace.delivery import Answer, judge, postponed
from domain.marketplace.events import body
from workflows.marketplace.contracts import CallbackRef, DeliveryRound, ReplayPage, ReplayRef

_log = structlog.get_logger(__name__)


class Posts(Protocol):
    """Sends a signed body to an address."""

    async def post(self, url: str, signed: Signed) -> Answer:
        """What came of it; never raises for what the other side does."""


class EndpointFailing(Postponed):
    """The endpoint did not take an event of a replay."""


class ReplayOver(Exception):
    """The replay has ended, or its endpoint is gone, paused or switched off."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Callbacks:
    """The activities that send call-backs."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        poster: Posts,
        breaker: CircuitBreaker,
        schedule: tuple[timedelta, ...],
        *,
        page: int = 100,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._vault, self._poster, self._breaker = database, vault, poster, breaker
        self._schedule, self._page = schedule, page
        self._chance, self._clock = chance, clock

    @activity.defn
    async def deliver_event(self, ref: CallbackRef) -> DeliveryRound:
        """One attempt at every endpoint that is due, all at once."""
        async with beating():
            async with self._database.begin() as connection:
                due = await deliveries.due(connection, ref.event_id)
            outcomes = await asyncio.gather(*(self._deliver(parcel) for parcel in due), return_exceptions=True)
            async with self._database.begin() as connection:
                stands = await deliveries.standing(connection, ref.event_id)
        for failure in outcomes:
            # A database that is away fails the attempt; what the others found is committed.
            if isinstance(failure, BaseException):
                raise failure
        if due:
            _report(ref, due, stands)
        return DeliveryRound(waiting=stands.waiting, next_in_seconds=max(stands.next_in or 0.0, 0.05))

    @activity.defn
    async def replay_page(self, ref: ReplayRef) -> ReplayPage:
        """Send the next events of a replay, one after the other. Raises `EndpointFailing` where it has to wait."""
        sent = 0
        async with beating() as beat:
            with postponing():
                async with self._database.begin() as connection:
                    replay = await replays.find(connection, ref.replay_id)
                    endpoint = None if replay is None else await endpoints.find(connection, replay.endpoint_id)
                    if replay is None or replay.state != "running" or endpoint is None or not endpoint.is_active:
                        raise ReplayOver
                    page = await replays.next_parcels(connection, replay, most=self._page)
                for parcel in page:
                    await self._resend(replay, parcel)
                    beat.done = sent = sent + 1
                if is_last := len(page) < self._page:
                    async with self._database.begin() as connection:
                        await replays.note(connection, replay.id, "completed")
        return ReplayPage(sent=sent, is_last=is_last)

    @activity.defn
    async def stop_replay(self, ref: ReplayRef) -> None:
        """It cannot go on; it can be resumed."""
        async with self._database.begin() as connection:
            replay = await replays.find(connection, ref.replay_id)
            if replay is not None and replay.state == "running":
                reason = replay.last_error or "the endpoint is paused, switched off or gone"
                await replays.note(connection, replay.id, "stopped", reason)

    async def _deliver(self, parcel: Parcel) -> None:
        key = str(parcel.endpoint_id)
        try:
            # It spares slots, no more: without Redis call-backs go out all the same.
            with suppress(LimiterUnavailable):
                await self._breaker.check(key)
        except CircuitOpen as circuit:
            return await self._postpone(parcel, timedelta(seconds=circuit.retry_after))
        answer = await self._poster.post(parcel.target_url, self._signed(parcel))
        await self._breaker.record(key, ok=answer.is_success)
        verdict = judge(answer, parcel.attempts + 1, self._schedule, self._chance())
        async with self._database.begin() as connection:
            await deliveries.settle(connection, parcel, answer, verdict)
        measures().delivered(verdict.state)
        return None

    async def _postpone(self, parcel: Parcel, wait: timedelta) -> None:
        verdict = postponed(parcel.age, wait, self._schedule, self._chance())
        async with self._database.begin() as connection:
            await deliveries.postpone(connection, parcel, verdict, "the endpoint fails and is left alone for a while")
        measures().delivered("postponed")

    async def _resend(self, replay: replays.Replay, parcel: Parcel) -> None:
        answer = await self._poster.post(parcel.target_url, self._signed(parcel))
        async with self._database.begin() as connection:
            if answer.is_success:
                await replays.note_sent(connection, replay, parcel, answer.status)
                return
            await replays.note(connection, replay.id, "running", answer.reason)
        asked = answer.retry_after or timedelta(seconds=2)
        raise EndpointFailing(retry_after=min(max(asked.total_seconds(), 1.0), 300.0))

    def _signed(self, parcel: Parcel) -> Signed:
        sealed = [parcel.secret, *([parcel.previous_secret] if parcel.previous_secret else [])]
        keys = [self._vault.decrypt(secret) for secret in sealed]
        text = body(parcel.payload)
        return sign(str(parcel.event_id), text, keys, self._clock(), sequence=parcel.sequence)


def _report(ref: CallbackRef, due: list[Parcel], stands: Standing) -> None:
    _log.info(
        "callback_delivery",
        event_id=str(ref.event_id),
        tried=len(due),
        waiting=stands.waiting,
        dead=stands.dead,
        next_in=stands.next_in,
    )
