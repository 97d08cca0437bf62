"""What the routes share: their prefix, names, pages by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query
from pydantic import BaseModel, Field, StringConstraints

from api.errors import InvalidInput
from api.parameters import MAX_INT, Text

# On each router, not where they are included: a route then knows its whole template, which labels metrics.
PREFIX: Final = "/api/v1"
MOST_PER_PAGE: Final = 100

# Each is one segment of a path, here and at the neighbours, and a part of workflow ids.
_SEGMENT: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_SEGMENT)]

EntityKey = Annotated[Text, Path(min_length=1, max_length=100, description="uid or name of the entity")]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page, from 1, and how many rows it holds."""

    page: int
    size: int

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.size

    def of(self, total: int) -> dict[str, int]:
        """The fields of `Paged`."""
        return {
            "total": total,
            "page": self.page,
            "page_size": self.size,
            "total_pages": -(-total // self.size),
        }


def _bounds(low: int, high: int) -> dict[str, Any]:
    return {"minimum": low, "maximum": high}


# Bounds are checked here and not by the parameters: callers of the first API expect 400, not 422.
async def _paging(
    page: Annotated[int, Query(description="which page, from 1", json_schema_extra=_bounds(1, MAX_INT))] = 1,
    page_size: Annotated[int, Query(description="rows per page", json_schema_extra=_bounds(1, MOST_PER_PAGE))] = 50,
) -> Paging:
    if not 1 <= page <= MAX_INT:
        raise InvalidInput(f"page must lie between 1 and {MAX_INT}", field="page")
    if not 1 <= page_size <= MOST_PER_PAGE:
        raise InvalidInput(f"page_size must lie between 1 and {MOST_PER_PAGE}", field="page_size")
    return Paging(page, page_size)


PagingDep = Annotated[Paging, Depends(_paging)]


class Paged(BaseModel):
    """One page of a list."""

    total: int = Field(description="rows of the list, all pages and with the filters applied")
    page: int = Field(description="this page, from 1")
    page_size: int = Field(description="rows per page")
    total_pages: int = Field(description="pages of the list")
