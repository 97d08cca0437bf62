"""The doctor's examination: every outcome of a check becomes a finding, all within one deadline."""

from __future__ import annotations

import asyncio
import json

import pytest

from cli.doctor.command import read_settings
from cli.doctor.examination import Check, DoubtError, Finding, examine, explain
from settings import Settings
from tests.helpers.fake_api import CommandLine

SETTINGS = Settings(environment="test", _env_file=None)


async def fine(_: Settings) -> str:
    return "answers"


async def doubtful(_: Settings) -> str:
    raise DoubtError("almost full")


async def broken(_: Settings) -> str:
    raise ConnectionRefusedError("refused at redis://user:hunter2@host:1/0\nsecond line")


async def silent(_: Settings) -> str:
    await asyncio.Event().wait()
    return "never"


async def test_every_outcome_is_a_finding_in_the_order_asked() -> None:
    checks = [
        Check("a", fine, "do A"),
        Check("b", doubtful, "do B"),
        Check("c", broken, "do C"),
        Check("d", silent, "do D"),
        Check("e", broken, "do E", optional=True),
    ]
    assert await examine(SETTINGS, checks, deadline=0.05) == [
        Finding("a", "ok", "answers"),
        Finding("b", "warning", "almost full", "do B"),
        Finding("c", "failed", "refused at redis://host:1/0", "do C"),
        Finding("d", "failed", "no answer within 0.05 s", "do D"),
        Finding("e", "warning", "refused at redis://host:1/0", "do E"),
    ]


async def test_checks_run_at_once() -> None:
    meeting = asyncio.Barrier(2)

    async def meet(_: Settings) -> str:
        await meeting.wait()
        return "met"

    found = await examine(SETTINGS, [Check("a", meet, ""), Check("b", meet, "")], deadline=5)
    assert [finding.detail for finding in found] == ["met", "met"]


def test_the_innermost_cause_is_told() -> None:
    error = RuntimeError("wrapper")
    error.__cause__ = KeyError()
    assert explain(error) == "Mapping key not found."


@pytest.fixture
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(str(tmp_path))
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    # Ports nobody listens on: nothing of this machine may be asked.
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("CARDTRADER_API_BASE_URL", "http://127.0.0.1:1")


@pytest.mark.usefixtures("_bare_environment")
def test_settings_that_refuse_a_start_are_still_examined() -> None:
    settings, problems = read_settings()
    assert settings.environment == "development"
    assert "FERNET_KEY is missing" in problems


@pytest.mark.usefixtures("_bare_environment")
def test_an_empty_machine_fails_everything_with_a_remedy(brx: CommandLine) -> None:
    outcome = brx("doctor", "--json")
    assert outcome.code == 1
    findings = {finding["name"]: finding for finding in json.loads(outcome.out)}
    failed = {name for name, finding in findings.items() if finding["level"] == "failed"}
    assert failed == {
        "settings", "encryption", "access tokens", "PostgreSQL", "schema", "Redis", "catalogue", "Temporal"
    }  # fmt: skip
    assert {findings[name]["level"] for name in ("workers", "CardTrader")} == {"warning"}
    assert all(finding["remedy"] for finding in findings.values() if finding["level"] != "ok")


@pytest.mark.usefixtures("_bare_environment")
def test_a_person_reads_the_remedy_below_the_finding(brx: CommandLine) -> None:
    outcome = brx("doctor")
    assert outcome.code == 1
    assert "FAILED" in outcome.out
    assert "Run `python -m cli migrate`." in outcome.out
