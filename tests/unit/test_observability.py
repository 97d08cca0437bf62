"""Logs: one JSON line each, whoever wrote it, and nothing secret in any."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from observability import Metrics, RecentLogs, configure_logging

SECRET = "sésame-4711"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Call it for the lines written so far, parsed."""
    configure_logging("INFO", "json")
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    configure_logging("WARNING", "json")


def test_structured_and_standard_records_look_alike(lines: Any) -> None:
    structlog.get_logger("ours").info("sync.started", user_id="u", cardtrader_token=SECRET, Authorization=SECRET)
    logging.getLogger("theirs").warning("odd %s", "thing")
    ours, theirs = lines()
    assert (ours["event"], ours["level"], ours["logger"], ours["user_id"]) == ("sync.started", "info", "ours", "u")
    assert ours["cardtrader_token"] == ours["Authorization"] == "[redacted]"
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("odd thing", "warning", "theirs")


def test_exceptions_are_logged_without_their_text(lines: Any) -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise KeyError(SECRET) from error
    except KeyError:
        structlog.get_logger("ours").exception("broke")
        logging.getLogger("theirs").exception("broke")
    written = lines()
    assert [line["exception"]["types"] for line in written] == [["KeyError", "ValueError"]] * 2
    assert all("test_exceptions_are_logged" in line["exception"]["frames"][0] for line in written)
    assert SECRET not in json.dumps(written, ensure_ascii=False)


def test_request_lines_of_libraries_stay_out(lines: Any) -> None:
    logging.getLogger("httpx").info("GET https://x/?token=%s", SECRET)
    logging.getLogger("uvicorn.access").info("GET /?token=%s", SECRET)
    assert lines() == []


def test_only_so_many_records_are_kept(lines: Any) -> None:
    recent = RecentLogs(capacity=2)
    logging.getLogger().addHandler(recent)
    for number in range(3):
        logging.getLogger("theirs").warning("event %d", number)
    logging.getLogger().removeHandler(recent)
    assert len(recent) == 2
    assert [json.loads(line)["event"] for line in recent.newest(5)] == ["event 2", "event 1"]
    assert [json.loads(line)["event"] for line in recent.newest(1)] == ["event 2"]
    assert len(lines()) == 3


def test_each_set_of_metrics_is_its_own() -> None:
    one, other = Metrics.create("one"), Metrics.create("other")
    one.provider.get_meter("m").create_counter("brx_sync_things").add(2, {"kind": "a"})
    assert b'brx_sync_things_total{kind="a"} 2.0' in one.render()
    assert b"brx_sync_things" not in other.render()
    one.shutdown()
    other.shutdown()
