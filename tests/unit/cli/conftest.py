"""A fake API and a command line that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.fake_api import CommandLine, FakeApi, serve


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same width, no colour, and no setting of the developer's own."""
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("BRX_API_URL", "BRX_TOKEN", "CARDTRADER_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fake_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with serve() as api:
        monkeypatch.setenv("BRX_API_URL", api.url)
        monkeypatch.setenv("BRX_TOKEN", "the-token")
        yield api


@pytest.fixture
def brx(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)
