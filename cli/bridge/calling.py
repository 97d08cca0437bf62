"""What the commands of `bridge` and `schedules` share: where the API is, how an answer is shown."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from cli.api_client import Api
from cli.console import out

PREFIX: Final = "/bridge/api/v1"


def bridge_api(url: str, token: str) -> AbstractContextManager[Api]:
    """The bridge's API; raises as `Api.connect`."""
    return Api.connect(url, token, PREFIX)


def given(**values: str | int | bool | None) -> dict[str, str | int | bool]:
    """What is not None: options that were not used ask for nothing."""
    return {name: value for name, value in values.items() if value is not None}


def show_rows(titles: Mapping[str, str], rows: list[list[object]]) -> None:
    """A table; each title with "left" or "right". Values are shown as text: some may look like markup.

    The first column is what other commands take, so it stays in one piece however narrow the terminal is.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, (title, side) in enumerate(titles.items()):
        justify: JustifyMethod = "right" if side == "right" else "left"
        table.add_column(title, justify=justify, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    out().print(table)


def show_pages(total: int, page: int, pages: int) -> None:
    """How many there are, and how to get to the next page."""
    out().print(f"{total:,} in all" + (f"; next page: --page {page + 1}" if page < pages else ""))
