"""The command itself: read the settings as far as they can be read, ask, show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.console import emit, out
from cli.doctor.examination import Finding, Level, examine
from settings import Settings, SettingsError

_MARKS: Final[dict[Level, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "warning": ("look", "yellow"),
    "failed": ("FAILED", "bold red"),
}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="print findings as JSON")] = False) -> None:
    """Check every dependency and setting, and say what to do. Exit code 1 if anything is broken."""
    from cli.doctor.checks import all_checks

    settings, problems = read_settings()
    findings = asyncio.run(examine(settings, all_checks(problems)))
    if as_json:
        emit(json.dumps([asdict(finding) for finding in findings]))
    else:
        show(out(), findings)
    if any(finding.level == "failed" for finding in findings):
        raise typer.Exit(1)


def read_settings() -> tuple[Settings, list[str]]:
    """The settings, and why a start with them would be refused."""
    try:
        return Settings(), []
    except SettingsError:
        relaxed = Settings(environment="development")
        return relaxed, relaxed.problems()


def show(console: Console, findings: Sequence[Finding]) -> None:
    """A line per finding, its remedy below it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        mark, style = _MARKS[finding.level]
        text = Text(finding.detail)
        if finding.remedy:
            text.append(f"\n{finding.remedy}", style="dim")
        table.add_row(Text(mark, style=style), finding.name, text)
    console.print(table)
