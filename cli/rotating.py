"""`keys rotate` and `keys seal`: what is encrypted, under the first key of FERNET_KEY."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer
from pydantic import SecretStr
from rich.table import Table

from cli.console import complain, emit, out
from cli.errors import UnfitError

if TYPE_CHECKING:
    from db.rotation import ColumnReport
    from db.vault import Vault
    from settings import Settings

_COUNTS: Final = ("current", "rotated", "left", "unreadable")
_MOST_BATCH: Final = 5000


def rotate(
    check: Annotated[bool, typer.Option("--check", help="only count, and change nothing")] = False,
    batch: Annotated[int, typer.Option(min=1, max=_MOST_BATCH, help="rows replaced by one statement")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="print the counts as JSON")] = False,
) -> None:
    """Re-encrypt every secret with the first key of FERNET_KEY, while the service runs. Exit code 1 if any is left."""
    from settings import Settings

    settings = Settings()
    vault = _vault(settings)
    reports = asyncio.run(_rotate(settings, vault, check, batch))
    if as_json:
        emit(json.dumps([asdict(report) for report in reports]))
    else:
        out().print(_table(reports))
    problems = [*_of_rows(reports), *_of_settings(settings, vault)]
    for sentence in problems:
        complain(sentence)
    if problems:
        raise typer.Exit(1)


def seal() -> None:
    """Encrypt a secret from standard input with the first key of FERNET_KEY, for use as a setting."""
    from db.vault import ENCRYPTED
    from settings import Settings

    secret = sys.stdin.read().rstrip("\n")
    if not secret:
        raise UnfitError("Nothing to seal: give the secret on standard input.")
    emit(ENCRYPTED + _vault(Settings()).encrypt(secret))


def _vault(settings: Settings) -> Vault:
    from db.vault import KeyUnusable, Vault

    try:
        return Vault.from_setting(settings.fernet_key.get_secret_value())
    except KeyUnusable as error:
        raise UnfitError(f"FERNET_KEY cannot be used. {error}") from None


async def _rotate(settings: Settings, vault: Vault, check: bool, batch: int) -> list[ColumnReport]:
    from db.rotation import rotate as rotate_columns
    from db.session import Database

    database = Database.connect(settings.database_url, pool_size=1, max_overflow=0)
    try:
        return await rotate_columns(database, vault, batch=batch, dry_run=check)
    finally:
        await database.close()


def _table(reports: Sequence[ColumnReport]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("column")
    for name in _COUNTS:
        table.add_column(name, justify="right")
    for report in reports:
        table.add_row(f"{report.table}.{report.column}", *(f"{getattr(report, name):,}" for name in _COUNTS))
    return table


def _of_rows(reports: Sequence[ColumnReport]) -> list[str]:
    left, unreadable = sum(report.left for report in reports), sum(report.unreadable for report in reports)
    return [
        text
        for count, text in (
            (left, f"{left} secrets are under another key than the first: keep that key, and run `keys rotate` again."),
            (unreadable, f"{unreadable} secrets are under none of these keys: add the key that is missing."),
        )
        if count
    ]


def _of_settings(settings: Settings, vault: Vault) -> list[str]:
    values = ((name, getattr(settings, name)) for name in type(settings).model_fields)
    return [
        f"{name.upper()} is sealed with another key than the first: seal it anew with `keys seal`."
        for name, value in values
        if isinstance(value, SecretStr) and not vault.is_current(value)
    ]
