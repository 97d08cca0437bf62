"""Chromium as the system has it, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Request, async_playwright

PATIENCE_MS = 30_000
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


_PROBES = Path(__file__).with_name("page_probes.js").read_text()


def rows(first: int, last: int, total: int) -> str:
    """The range of a page as it is shown."""
    return f"{first:,}\N{EN DASH}{last:,} of {total:,}"


async def poor_contrast(page: Page) -> list[str]:
    """Texts that are hard to read."""
    found: list[str] = await page.evaluate(f"{_PROBES}.poorContrast()")
    return found


async def unnamed(page: Page) -> list[str]:
    """Controls and pictures that a screen reader has no name for."""
    found: list[str] = await page.evaluate(f"{_PROBES}.unnamed()")
    return found


def chromium_program() -> str | None:
    """The program, if the system has one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def require_chromium() -> str:
    """The program. A module that calls this is skipped without it: one line at the end, however many tests it has."""
    found = chromium_program()
    if found is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)", allow_module_level=True)
    return found


@asynccontextmanager
async def chromium(program: str) -> AsyncIterator[Browser]:
    """A browser without windows."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        await browser.close()


@dataclass
class Visit:
    """One tab with storage of its own, and what must not happen in it."""

    page: Page
    api_url: str
    faults: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def opened(cls, browser: Browser, api_url: str, **options: Any) -> AsyncIterator[Visit]:
        """Errors of scripts, breaches of the content security policy and requests to elsewhere fail the test."""
        context = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        visit = cls(await context.new_page(), api_url)
        visit.page.on("pageerror", lambda error: visit.faults.append(str(error)))
        visit.page.on("console", lambda message: visit.faults.append(message.text) if _matters(message.text) else None)
        visit.page.on("request", visit._look)
        yield visit
        await context.close()
        assert visit.faults == []

    def _look(self, request: Request) -> None:
        if not request.url.startswith(f"{self.api_url}/"):
            self.faults.append(f"a request to {request.url}")
        if "token=" in request.url or "eyJ" in request.url:
            self.faults.append("a token in an address")

    async def sign_in(self, token: str) -> None:
        """By the link that the demo prints."""
        await self.page.goto(f"{self.api_url}/dashboard#token={token}")
        await self.page.locator("#desk").wait_for()


def _matters(text: str) -> bool:
    # The browser notes every answer that is none of 2xx, and those are part of the tests.
    return "Failed to load resource" not in text
