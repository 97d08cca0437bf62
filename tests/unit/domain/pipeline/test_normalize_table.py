"""docs/pipeline.md: the table of the normaliser, old beside new, is what both compute."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from domain.pipeline.columns import Kind, column
from domain.pipeline.config import Source, SourceField
from domain.pipeline.normalize import normalized
from tests.helpers import predecessor

PAGE = (Path(__file__).parents[4] / "docs" / "pipeline.md").read_text()
ROW = re.compile(
    r"^\| `(?P<value>[^|]+)` \| (?P<declared>[A-Z0-9]* ?)\| `(?P<old>[^|]+)` \| (?P<new>[^|]+) \|$", re.MULTILINE
)
ROWS = [match.groupdict() for match in ROW.finditer(PAGE)]
NAMES = {"Decimal": Decimal, "date": date, "datetime": datetime}


def read(cell: str) -> object:
    return eval(cell, {"__builtins__": {}}, NAMES)  # noqa: S307 - the page is ours; it shows Python values


def here(value: object, declared: str) -> str:
    field = msgspec.convert({"name": "f", "type": declared}, SourceField) if declared else None
    text, kind = normalized(column([value]), field, Source(name="erp")).row(0)
    name = {Kind.BROKEN: "refused"}.get(kind, Kind(kind).name.lower())
    return name if text is None else f"{name} `{text}`"


def test_the_table_is_read() -> None:
    assert len(ROWS) > 40


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['value']} {row['declared']}")
def test_a_row_of_the_table(row: dict[str, str]) -> None:
    value, declared, old = read(row["value"]), row["declared"].strip(), read(row["old"])
    was = predecessor.normalised(value, declared or None)
    assert (was, type(was)) == (old, type(old))
    assert here(value, declared) == re.sub(r" \(.*\)$", "", row["new"])


def test_zero_declared_text_with_a_default_is_no_longer_the_default() -> None:
    assert predecessor.normalised(0, "VARCHAR2") is None
    assert here(0, "VARCHAR2") == "text `0`"
