"""What can go wrong with a request to central; seeded, so that a run can be repeated."""

from __future__ import annotations

import random
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

FaultKind: TypeAlias = Literal["lost_answer", "dropped", "status", "page", "slow", "unauthorised"]


class FaultSpec(BaseModel):
    """One fault. Without `count` it stays until cleared.

    `lost_answer`: done, but the connection ends before the answer; `dropped`: ends before anything is done; `page`: an
    HTML page with status 200; `unauthorised`: the token is forgotten.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    count: int | None = Field(None, ge=1, description="how often it strikes")
    probability: float = Field(1.0, ge=0, le=1)
    seed: int = 0
    status: int = Field(503, ge=400, le=599)
    seconds: float = Field(0.0, ge=0, description="of a slow one")
    reads: bool = Field(False, description="whether it strikes requests that change nothing, too")


class Faults:
    """Those that are switched on."""

    def __init__(self) -> None:
        self._on: list[tuple[FaultSpec, random.Random, list[int]]] = []

    def add(self, spec: FaultSpec) -> None:
        """Switch one on."""
        self._on.append((spec, random.Random(spec.seed), [0]))

    def clear(self) -> None:
        """Switch all off."""
        self._on.clear()

    def report(self) -> dict[str, int]:
        """How often each kind has struck."""
        struck: dict[str, int] = {}
        for spec, _, fired in self._on:
            struck[spec.kind] = struck.get(spec.kind, 0) + fired[0]
        return struck

    def strike(self, *, changes: bool) -> FaultSpec | None:
        """The fault that strikes a request now."""
        for spec, rng, fired in self._on:
            if not (changes or spec.reads) or (spec.count is not None and fired[0] >= spec.count):
                continue
            if rng.random() < spec.probability:
                fired[0] += 1
                return spec
        return None
