"""Batches over the API: define, start, wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel

from cli.bridge_demo.entities import DemoEntity
from cli.bridge_demo.figures import BatchFigures
from cli.errors import CliError

T = TypeVar("T")

_LOOK_SECONDS: Final = 0.2
_LONGEST_SECONDS: Final = 900.0


class _Started(BaseModel):
    batch_uid: str


class _Children(BaseModel):
    total: int


@dataclass(frozen=True, slots=True)
class Bridge:
    """One caller of the bridge's API; `http` knows its address and the caller's token."""

    http: httpx.Client

    def define(self, entity: DemoEntity) -> None:
        """Define an entity, unless it is there already."""
        answer = self.http.post("/entities", json=entity.body())
        if answer.status_code != HTTPStatus.CONFLICT:
            self._checked(answer)

    def start(self, entity: DemoEntity, sync_type: str = "full", page_size: int = 1_000) -> str:
        """Start a batch; its uid."""
        body = {"entity_name": entity.name, "sync_type": sync_type, "page_size": page_size}
        # A batch of children that came alive by themselves has its turn first.
        answer = eventually(lambda: self._unless_busy(self.http.post("/sync/start", json=body)))
        return _Started.model_validate_json(answer.content).batch_uid

    def look(self, batch_uid: str) -> BatchFigures:
        """A batch as it is."""
        return BatchFigures.model_validate_json(self._checked(self.http.get(f"/sync/status/{batch_uid}")).content)

    def wait(self, batch_uid: str, watch: Callable[[BatchFigures], None] | None = None) -> BatchFigures:
        """A batch at its end."""

        def over() -> BatchFigures | None:
            figures = self.look(batch_uid)
            if watch is not None:
                watch(figures)
            return figures if figures.is_over else None

        return eventually(over)

    def timed(self, entity: DemoEntity, sync_type: str, page_size: int) -> tuple[BatchFigures, float]:
        """A batch at its end, and the seconds from its start until that was seen."""
        began = time.perf_counter()
        figures = self.wait(self.start(entity, sync_type, page_size))
        return figures, time.perf_counter() - began

    def waiting(self) -> int:
        """Children that wait for their parents."""
        return _Children.model_validate_json(self._checked(self.http.get("/pending-children")).content).total

    def _unless_busy(self, answer: httpx.Response) -> httpx.Response | None:
        return None if answer.status_code == HTTPStatus.CONFLICT else self._checked(answer)

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if not answer.is_success:
            raise CliError(f"The bridge answered {answer.status_code} to {answer.request.url.path}: {answer.text}")
        return answer


def eventually(look: Callable[[], T | None]) -> T:
    """What a look finds, sooner or later. Raises `CliError` when it takes too long."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(_LOOK_SECONDS)
    raise CliError("The bridge did not come to an end.")
