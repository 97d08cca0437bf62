"""`.env.example` is what the settings class says, and loads as what the class defaults to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.settings_example import example
from settings import Settings
from tests.helpers.fake_api import CommandLine

FILE = Path(__file__).resolve().parents[3] / ".env.example"


def test_the_file_is_up_to_date(brx: CommandLine) -> None:
    assert brx("settings", "example").out == FILE.read_text(), "run `make example`"


def test_the_file_loads_as_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("ENVIRONMENT", "test")
    assert Settings(_env_file=FILE) == Settings(_env_file=None)


def test_every_setting_is_explained_or_obvious() -> None:
    lines = example().splitlines()
    assert [line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")] == [
        name.upper() for name in Settings.model_fields
    ]
    assert lines[lines.index("LOG_FORMAT=json") - 1] == "# one of json, console"
    assert lines[lines.index("DB_POOL_SIZE=5") - 1] == "# >= 1 and <= 20"
