"""`keys rotate` and `keys seal` as a person meets them; the rotation itself: tests/integration/security."""

from __future__ import annotations

import io
import json

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

import db.rotation
from db.rotation import ColumnReport
from db.vault import Vault
from tests.helpers.fake_api import CommandLine

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[ColumnReport]:
    """What the rotation is to report."""
    found: list[ColumnReport] = []

    async def rotate(*_: object, **__: object) -> list[ColumnReport]:
        return found

    monkeypatch.setattr(db.rotation, "rotate", rotate)
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("FERNET_KEY", f"{NEW},{OLD}")
    return found


def test_all_is_well_when_nothing_is_left(brx: CommandLine, reports: list[ColumnReport]) -> None:
    reports.append(ColumnReport("stores", "token_encrypted", current=1200, rotated=1000))
    outcome = brx("keys", "rotate")
    assert (outcome.code, outcome.err) == (0, "")
    assert "stores.token_encrypted" in outcome.out
    assert json.loads(brx("keys", "rotate", "--check", "--json").out)[0]["rotated"] == 1000


def test_what_is_left_or_unreadable_is_told(brx: CommandLine, reports: list[ColumnReport]) -> None:
    reports += [ColumnReport("a", "b", left=2), ColumnReport("a", "c", unreadable=1)]
    outcome = brx("keys", "rotate")
    assert outcome.code == 1
    assert "2 secrets are under another key than the first: keep that key" in outcome.err
    assert "1 secrets are under none of these keys" in outcome.err


def test_a_sealed_setting_is_part_of_it(
    brx: CommandLine, reports: list[ColumnReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENTRAL_SERVICE_SECRET", f"fernet:{Vault([OLD]).encrypt('hunter2')}")
    outcome = brx("keys", "rotate")
    assert outcome.code == 1
    assert "CENTRAL_SERVICE_SECRET is sealed with another key" in outcome.err
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    sealed = brx("keys", "seal").out.strip()
    assert Vault([NEW]).reveal(SecretStr(sealed)).get_secret_value() == "hunter2"
    monkeypatch.setenv("CENTRAL_SERVICE_SECRET", sealed)
    assert brx("keys", "rotate").code == 0


def test_without_a_key_or_a_secret_it_says_so(
    brx: CommandLine, reports: list[ColumnReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "give the secret on standard input" in brx("keys", "seal").err
    monkeypatch.setenv("FERNET_KEY", "short")
    outcome = brx("keys", "rotate")
    assert (outcome.code, "FERNET_KEY cannot be used" in outcome.err) == (1, True)
