"""A check asks one question; an examination asks all of them at once and turns every outcome into a finding.

Idempotent and read-only: a doctor changes nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from settings import Settings

Level = Literal["ok", "warning", "failed"]

DEADLINE_SECONDS: Final = 8.0
_CREDENTIALS: Final = re.compile(r"//[^@/\s]+@")
_LONGEST_DETAIL: Final = 300


class DoubtError(Exception):
    """Something works but deserves a look; the message says what."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `ask` returns what it saw, or raises; `remedy` says what to do then.

    With `optional`, a failure is only a warning.
    """

    name: str
    ask: Callable[[Settings], Awaitable[str]]
    remedy: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to a check."""

    name: str
    level: Level
    detail: str
    remedy: str = ""


async def examine(settings: Settings, checks: Sequence[Check], deadline: float = DEADLINE_SECONDS) -> list[Finding]:
    """Findings in the order of the checks, after at most `deadline` seconds."""
    return await asyncio.gather(*(_answer(check, settings, deadline) for check in checks))


async def _answer(check: Check, settings: Settings, deadline: float) -> Finding:
    try:
        async with asyncio.timeout(deadline):
            return Finding(check.name, "ok", await check.ask(settings))
    except DoubtError as doubt:
        return Finding(check.name, "warning", str(doubt), check.remedy)
    except TimeoutError:
        detail = f"no answer within {deadline:g} s"
    except Exception as error:
        detail = explain(error)
    return Finding(check.name, "warning" if check.optional else "failed", detail, check.remedy)


def explain(error: BaseException) -> str:
    """First line of the innermost cause, without user names and passwords of URLs."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip() or (error.__doc__ or "").strip() or type(error).__name__
    return _CREDENTIALS.sub("//", text.splitlines()[0])[:_LONGEST_DETAIL]
