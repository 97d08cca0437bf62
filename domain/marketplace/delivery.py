"""How a call-back is delivered to one endpoint: what an answer means, when to try again, when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

DeliveryState = Literal["waiting", "held", "delivered", "dead"]
DELIVERY_STATES: Final[tuple[DeliveryState, ...]] = ("waiting", "held", "delivered", "dead")

LONGEST_WAIT: Final = timedelta(days=1)
"""No header postpones a delivery for longer."""
OFF_AFTER: Final = timedelta(days=3)
"""An endpoint that fails for so long is switched off."""
_JITTER: Final = 0.2
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status, or 0 and why there is none."""

    status: int = 0
    error: str = ""
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Any 2xx."""
        return 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The endpoint wants no events any more."""
        return self.status == _GONE

    @property
    def reason(self) -> str:
        """A short text for people; never a word of the endpoint's own."""
        if self.error:
            return self.error
        return "redirects are not followed" if 300 <= self.status < 400 else f"answered {self.status}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery; `wait` only while it waits."""

    state: DeliveryState
    wait: timedelta | None = None


def judge(answer: Answer, attempt: int, schedule: tuple[timedelta, ...], chance: float) -> Verdict:
    """After the attempt of that number, from 1; `chance` in [0, 1) spreads the retries of many."""
    if answer.is_success:
        return Verdict("delivered")
    if answer.is_gone:
        return Verdict("held")
    if attempt > len(schedule):
        return Verdict("dead")
    wait = spread(schedule[attempt - 1], chance)
    if answer.retry_after is not None:
        wait = max(wait, min(answer.retry_after, LONGEST_WAIT))
    return Verdict("waiting", wait)


def postponed(age: timedelta, wait: timedelta, schedule: tuple[timedelta, ...], chance: float) -> Verdict:
    """Not even tried, because the endpoint is failing: no attempt is spent, but no day is waited for either."""
    if age > lifetime(schedule):
        return Verdict("dead")
    return Verdict("waiting", spread(wait, chance))


def lifetime(schedule: tuple[timedelta, ...]) -> timedelta:
    """In which every attempt of the schedule has been made, however its waits were spread."""
    return sum(schedule, timedelta()) * (1 + _JITTER) + timedelta(minutes=1)


def spread(wait: timedelta, chance: float) -> timedelta:
    """Up to a fifth longer, never shorter."""
    return wait * (1 + _JITTER * chance)


def is_worn_out(failing_for: timedelta) -> bool:
    """Whether an endpoint has failed for too long."""
    return failing_for >= OFF_AFTER


def parse_schedule(text: str) -> tuple[timedelta, ...]:
    """Comma-separated waits: `1m,5m,15m`, with s, m, h or d. Raises `ValueError`."""
    return tuple(_duration(part.strip()) for part in text.split(",") if part.strip())


def _duration(text: str) -> timedelta:
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m, 2h or 1d")
    return unit * float(text[:-1])


_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
