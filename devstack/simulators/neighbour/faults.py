"""What can go wrong with a request; seeded, so that a run can be repeated."""

from __future__ import annotations

import random
import re
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

RequestFault: TypeAlias = Literal["latency", "status", "page", "garbage", "dropped", "lost_answer", "signed_out"]
SourceFault: TypeAlias = Literal[
    "wrong_total", "no_total", "rows_added", "rows_removed", "repeated_row", "short_page", "no_success"
]
HubFault: TypeAlias = Literal["refused_rows", "refused_batch", "silent_rows"]
FaultKind: TypeAlias = RequestFault | SourceFault | HubFault
REQUEST_FAULTS: Final[tuple[RequestFault, ...]] = (
    "latency",
    "dropped",
    "status",
    "page",
    "garbage",
    "signed_out",
    "lost_answer",
)


class FaultSpec(BaseModel):
    """One fault. Without `count` it stays until cleared; `probability` is drawn per occasion.

    page: HTML with status 200 · garbage: 200 and no JSON · lost_answer: done, then the connection ends · dropped: ends
    before anything is done · signed_out: no token given so far is accepted any more · wrong_total: `rows` more than
    there are · rows_added, rows_removed: so many of the table, before it answers · short_page: `rows` fewer than
    asked for · refused_rows: each record of a batch by its own draw · refused_batch: the whole of it · silent_rows:
    the answer leaves out `rows` records.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    count: int | None = Field(None, ge=1, description="how often it strikes")
    skip: int = Field(0, ge=0, description="occasions let through first")
    probability: float = Field(1.0, ge=0, le=1)
    seed: int = 0
    path: str = Field("", description="regular expression searched in the path")
    seconds: float = Field(0.0, ge=0, description="of latency")
    status: int = Field(503, ge=400, le=599, description="of status, refused_rows, refused_batch")
    retry_after: float | None = Field(None, description="header of status; absent by default")
    rows: int = Field(1, ge=1)
    key: str = Field("", description="refused_rows, refused_batch: regular expression searched in the record")


class FaultState(BaseModel):
    """A fault with its history."""

    spec: FaultSpec
    occasions: int = 0
    struck: int = 0


class Faults:
    """Those that are switched on."""

    def __init__(self) -> None:
        self._on: list[tuple[FaultState, random.Random]] = []

    def __bool__(self) -> bool:
        """Whether any was switched on."""
        return bool(self._on)

    def add(self, spec: FaultSpec) -> None:
        """Switch one on."""
        self._on.append((FaultState(spec=spec), random.Random(spec.seed)))

    def clear(self) -> None:
        """Switch all off."""
        self._on.clear()

    def report(self) -> list[FaultState]:
        """All that were switched on, spent ones included."""
        return [state for state, _ in self._on]

    def strike(self, kind: FaultKind, path: str, body: bytes = b"") -> FaultSpec | None:
        """The fault of that kind which strikes now, booked."""
        for state, rng in self._on:
            spec = state.spec
            if spec.kind != kind or (spec.count is not None and state.struck >= spec.count):
                continue
            if not re.search(spec.path, path) or not re.search(spec.key.encode(), body):
                continue
            state.occasions += 1
            if state.occasions > spec.skip and rng.random() < spec.probability:
                state.struck += 1
                return spec
        return None
