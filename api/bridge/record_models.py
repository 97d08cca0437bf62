"""Answers about single rows of a batch, for operators."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from api.bridge.letter_models import raw_json
from api.bridge.parameters import Paged
from db.bridge.records import MOST_PLANNED, Planned, Superseded


class SupersededRow(BaseModel):
    """A row that another row of its batch stands for."""

    page_no: int = Field(description="its page, from 1")
    row: int = Field(description="its place among the rows of the page that were read, from 0")
    erp_key_hash: str = Field(description="its key, hashed, in hex")
    rowversion: str | None = Field(description="its rowversion; null: it has none")
    record_data: Any = Field(description="the row as received")


class SupersededPage(Paged):
    """Superseded rows in the order of the source."""

    items: list[SupersededRow] = Field(description="the rows of this page")


class PlannedDeletion(BaseModel):
    """A record that a dry run would delete at the hub."""

    erp_key_hash: str = Field(description="its key, hashed, in hex")
    target_uid: str | None = Field(description="its id at the hub; null: the hub did not tell")
    rowversion: str | None = Field(description="the rowversion that it was told with")


class PlannedDeletions(Paged):
    """What a dry run would delete, by key."""

    rows_deleted: int = Field(description=f"how many it would delete; the first {MOST_PLANNED:,} are listed")
    items: list[PlannedDeletion] = Field(description="the records of this page")


def row_shown(row: Superseded) -> SupersededRow:
    """As it is shown; to be sent by `exact`."""
    return SupersededRow(
        page_no=row.page_no,
        row=row.row,
        erp_key_hash=row.bk_hash.hex(),
        rowversion=row.rowversion,
        record_data=raw_json(row.raw),
    )


def deletion_shown(planned: Planned) -> PlannedDeletion:
    """As it is shown."""
    return PlannedDeletion(
        erp_key_hash=planned.bk_hash.hex(), target_uid=planned.target_uid, rowversion=planned.rowversion
    )
