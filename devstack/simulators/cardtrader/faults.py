"""Faults that can be switched on: which kind, for which requests, how often. Seeded, so a run can be repeated."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import count
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

RequestFault: TypeAlias = Literal["latency", "status", "cloudflare", "too_many", "drop_request", "lost_answer"]
ExportFault: TypeAlias = Literal[
    "truncated", "slow", "duplicate_rows", "poisoned", "non_array", "empty", "sealed_expansions_failing"
]
WebhookFault: TypeAlias = Literal[
    "webhook_drop", "webhook_duplicate", "webhook_delay", "webhook_reorder", "webhook_forge"
]
FaultKind: TypeAlias = RequestFault | ExportFault | WebhookFault
Defect: TypeAlias = Literal[
    "negative_quantity", "missing_quantity", "missing_price", "properties_not_object", "blueprint_null", "missing_id"
]

_MUTATIONS: Final = "POST|PUT|PATCH|DELETE"


class FaultSpec(BaseModel):
    """One fault. Without `count` it stays until cleared; `probability` is drawn per matching occasion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    count: int | None = Field(None, ge=1, description="how often it fires")
    skip: int = Field(0, ge=0, description="matching occasions let through first")
    probability: float = Field(1.0, ge=0, le=1)
    seed: int = 0
    path: str = Field("", description="regular expression searched in the path below /api/v2")
    method: str = Field("", description="regular expression of methods; lost_answer: mutations unless given")

    seconds: float = Field(
        0.0, ge=0, description="latency; webhook delay; stall of a slow export; wait before an answer is lost"
    )
    status: int = Field(502, ge=400, le=599, description="status fault, failing expansions")
    body: Literal["html", "json", "text"] = "html"
    retry_after: int | None = Field(None, description="too_many: value of the header, absent by default")
    at_byte: int = Field(0, ge=0, description="truncated: where it ends; slow: where it stalls")
    clean: bool = Field(False, description="truncated: a well-ended answer with cut JSON, else a cut connection")
    bytes_per_second: int | None = Field(None, ge=1)
    rows: int = Field(1, ge=1, description="duplicate_rows, poisoned: how many rows")
    defects: tuple[Defect, ...] = Field(("negative_quantity",), min_length=1)
    new_id: bool = Field(False, description="webhook_duplicate: repeat under a new webhook id")

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is an occasion for it."""
        methods = self.method or (_MUTATIONS if self.kind == "lost_answer" else "")
        return (not methods or re.fullmatch(methods, method) is not None) and bool(re.search(self.path, path))


class FaultState(BaseModel):
    """A fault with its history."""

    id: int
    spec: FaultSpec
    occasions: int = 0
    fired: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it has fired as often as it may."""
        return self.spec.count is not None and self.fired >= self.spec.count


class FaultBox:
    """The faults switched on, asked at every occasion."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._faults: dict[int, tuple[FaultState, random.Random]] = {}

    def add(self, spec: FaultSpec) -> FaultState:
        """Switch one on."""
        state = FaultState(id=next(self._ids), spec=spec)
        self._faults[state.id] = (state, random.Random(spec.seed))
        return state

    def clear(self, fault_id: int | None = None) -> None:
        """Switch one off, or all."""
        if fault_id is None:
            self._faults.clear()
        else:
            self._faults.pop(fault_id, None)

    def report(self) -> list[FaultState]:
        """All that were switched on, spent ones included."""
        return [state for state, _ in self._faults.values()]

    def take(self, kind: FaultKind, method: str = "", path: str = "") -> FaultSpec | None:
        """The fault of that kind which strikes now, booked as fired."""
        return next(self._strikes(kind, method, path), None)

    def _strikes(self, kind: FaultKind, method: str, path: str) -> Iterator[FaultSpec]:
        for state, rng in self._faults.values():
            if state.spec.kind != kind or state.is_spent or not state.spec.matches(method, path):
                continue
            state.occasions += 1
            if state.occasions > state.spec.skip and rng.random() < state.spec.probability:
                state.fired += 1
                yield state.spec
