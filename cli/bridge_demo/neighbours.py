"""The control APIs of the simulated ERP and hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from pydantic import BaseModel

Motion = Literal["change", "add", "remove"]


class _Moved(BaseModel):
    keys: list[str]


class Journal(BaseModel):
    """Names of the records that changed at the hub since its journal was begun."""

    inserted: list[str]
    updated: list[str]
    deleted: list[str]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Both, over one client without a base address."""

    http: httpx.Client
    erp_url: str
    hub_url: str

    def move(self, motion: Motion, table: str, rows: int, seed: int = 1) -> list[str]:
        """Change, add or remove rows of a table; their names."""
        answer = self.http.post(
            f"{self.erp_url}/control/{motion}", json={"slug": table, "rows": rows, "seed": seed}
        ).raise_for_status()
        return _Moved.model_validate_json(answer.content).keys

    def rows(self, table: str) -> Iterator[bytes]:
        """The ERP's rows, one JSON object each."""
        return self._lines(f"{self.erp_url}/control/rows", slug=table)

    def records(self, entity: str) -> Iterator[bytes]:
        """The hub's records, one JSON object each."""
        return self._lines(f"{self.hub_url}/control/records", entity=entity)

    def books(self) -> dict[str, Any]:
        """The hub's books as they are."""
        books: dict[str, Any] = self.http.get(f"{self.hub_url}/control/books").raise_for_status().json()
        return books

    def begin_journal(self) -> None:
        """From now on."""
        self.http.delete(f"{self.hub_url}/control/journal").raise_for_status()

    def journal(self, entity: str) -> Journal:
        """Since it was begun."""
        answer = self.http.get(f"{self.hub_url}/control/journal", params={"entity": entity}).raise_for_status()
        return Journal.model_validate_json(answer.content)

    def _lines(self, url: str, **params: str) -> Iterator[bytes]:
        with self.http.stream("GET", url, params=params) as response:
            rest = b""
            for piece in response.raise_for_status().iter_raw():
                *lines, rest = (rest + piece).split(b"\n")
                yield from lines
