"""What the commands of `marketplace` share: where the API is, whose things are meant, how a list is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from cli.api_client import Api
from cli.console import emit, out

PREFIX: Final = "/marketplace"

Organization = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="whose", show_default=False)]
Webhook = Annotated[UUID, typer.Argument(metavar="WEBHOOK", help="id of the webhook", show_default=False)]
Store = Annotated[UUID, typer.Argument(metavar="STORE", help="id of the store", show_default=False)]


def marketplace_api(url: str, token: str) -> AbstractContextManager[Api]:
    """The marketplace's API; raises as `Api.connect`."""
    return Api.connect(url, token, PREFIX)


def given(**values: str | int | None) -> dict[str, str | int | bool]:
    """What is not None: options that were not used ask for nothing."""
    return {name: value for name, value in values.items() if value is not None}


def show(answer: str, rows_at: str, columns: Mapping[str, str], *, as_json: bool) -> None:
    """An answer as it came, or a table of `rows_at` ("" when it is a list itself); `columns`: title by field."""
    if as_json:
        return emit(answer)
    parsed: Any = json.loads(answer)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns.values():
        table.add_column(title, overflow="fold")
    for row in parsed[rows_at] if rows_at else parsed:
        # Shown as text: some may look like markup.
        table.add_row(*(Text("" if row.get(field) is None else str(row[field])) for field in columns))
    return out().print(table)


def say(answer: str, sentence: str, *, as_json: bool) -> None:
    """An answer as it came, or a sentence about it."""
    if as_json:
        return emit(answer)
    return out().print(sentence, soft_wrap=True, markup=False)
