"""Whole stacks: side by side, again, afresh, replaced by URLs, and after the worst end of their owner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pymysql
import pytest
import redis
from temporalio.client import Client, WorkflowExecutionStatus

from devstack import AlreadyRunningError, DevStack, DevStackError, NotReadyError, Service
from tests.helpers import eventually

_PAIR: frozenset[Service] = frozenset({"postgres", "valkey"})
_OWNER = """
import pathlib, sys
from devstack import DevStack
stack = DevStack(pathlib.Path(sys.argv[1]), services={"postgres", "valkey", "temporal"}, environ={}).start()
stack.spawn("ours", ["/bin/sh", "-c", "sleep 600 & exec sleep 600"])
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.read()
"""


async def test_kill_9_of_the_owner_ends_everything_and_keeps_the_data(tmp_path: Path) -> None:
    family = _family_of_a_killed_owner(tmp_path)
    assert len(family) > 8
    await eventually(lambda: _assert_ended(family))
    with DevStack(tmp_path, services={"postgres"}, environ={}) as again:
        assert await _fetch(again, "SELECT 1") == 1


async def test_two_stacks_do_not_meet_and_data_survive_until_a_fresh_start(tmp_path: Path) -> None:
    with DevStack(tmp_path / "one", _PAIR, environ={}) as one, DevStack(tmp_path / "two", _PAIR, environ={}) as two:
        await _fetch(one, "CREATE TABLE only_here ()")
        _valkey(one).set("only", "here")
        assert await _fetch(two, "SELECT to_regclass('only_here')") is None
        assert _valkey(two).get("only") is None
    with DevStack(tmp_path / "one", _PAIR, environ={}) as restarted:
        assert await _fetch(restarted, "SELECT to_regclass('only_here')::text") == "only_here"
        assert _valkey(restarted).get("only") == b"here"
    with DevStack(tmp_path / "one", _PAIR, fresh=True, environ={}) as fresh:
        assert await _fetch(fresh, "SELECT to_regclass('only_here')") is None
        assert _valkey(fresh).get("only") is None


def test_a_directory_has_one_stack(tmp_path: Path) -> None:
    with (
        DevStack(tmp_path, frozenset()),
        pytest.raises(AlreadyRunningError, match="Another stack"),
        DevStack(tmp_path, frozenset(), fresh=True),
    ):
        pass
    with DevStack(tmp_path, frozenset()):
        pass


def test_fresh_does_not_clear_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DevStackError, match="holds other files"):
        DevStack(tmp_path, frozenset(), fresh=True).start()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_urls_of_the_environment_replace_servers(tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgresql+asyncpg://elsewhere/brx",
        "REDIS_URL": "redis://elsewhere",
        "TEMPORAL_ADDRESS": "elsewhere:7233",
        "TEMPORAL_UI_URL": "http://elsewhere:8233",
        "CATALOG_URL": "mysql+pymysql://elsewhere/catalog",
    }
    with DevStack(tmp_path, environ=given) as stack:
        assert stack.env() == given
        assert list(stack.run_dir.glob("*.pid")) == []


def test_without_mariadb_the_catalogue_is_a_file(tmp_path: Path) -> None:
    with DevStack(tmp_path, frozenset(), environ={}) as stack:
        assert stack.env() == {"CATALOG_URL": f"sqlite:///{tmp_path}/catalog.db"}


def test_our_processes_get_the_urls_and_end_first(tmp_path: Path) -> None:
    with DevStack(tmp_path, {"valkey"}, environ={}) as stack:
        printer = stack.spawn("printer", ["/bin/sh", "-c", 'echo "$REDIS_URL $EXTRA"'], EXTRA="yes")
        assert printer.wait(5) == 0
        assert printer.command.log.read_text() == f"{stack.env()['REDIS_URL']} yes\n"
        sleeper = stack.spawn("sleeper", ["sleep", "600"])
    assert sleeper.exit_code is not None


async def test_crashed_servers_come_back_at_their_address_with_what_they_had(tmp_path: Path) -> None:
    with DevStack(tmp_path, {"postgres", "valkey", "temporal"}, environ={}) as stack:
        before = stack.env()
        await _fetch(stack, "CREATE TABLE kept ()")
        _valkey(stack).set("lost", "soon")
        await (await Client.connect(before["TEMPORAL_ADDRESS"])).start_workflow("kept", id="kept", task_queue="nobodys")
        plan: list[tuple[Service, bool]] = [("postgres", False), ("valkey", True), ("temporal", False)]
        for name, empty in plan:
            family = _servers_family(stack, name)
            stack.crash(name)
            _assert_ended(family)
            stack.restart(name, empty=empty)
        assert stack.env() == before
        assert await _fetch(stack, "SELECT to_regclass('kept')::text") == "kept"
        assert _valkey(stack).get("lost") is None
        kept = (await Client.connect(before["TEMPORAL_ADDRESS"])).get_workflow_handle("kept")
        assert (await kept.describe()).status == WorkflowExecutionStatus.RUNNING


def test_a_process_of_ours_runs_again(tmp_path: Path) -> None:
    with DevStack(tmp_path, frozenset(), environ={}) as stack:
        first = stack.spawn("sleeper", ["sleep", "600"])
        first.kill()
        second = stack.respawn(first)
        third = stack.respawn(second)
        assert None not in (first.exit_code, second.exit_code)
        assert third.exit_code is None
        assert third.command == first.command
    assert third.exit_code is not None


def test_one_server_that_fails_stops_the_others(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    stack = DevStack(tmp_path, _PAIR, environ={})
    with pytest.raises(NotReadyError, match=r"postgres ended with exit code"):
        stack.start()
    assert list(stack.run_dir.glob("*.pid")) == []
    with DevStack(tmp_path, {"valkey"}, environ={}):
        pass


def test_mariadb_serves_the_catalogue(mysql_url: str) -> None:
    port = int(mysql_url.rpartition(":")[2].partition("/")[0])
    connection = pymysql.connect(host="127.0.0.1", port=port, user="brx", database="catalog")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@character_set_database")
        assert cursor.fetchone() == ("utf8mb4",)


def _family_of_a_killed_owner(data_dir: Path) -> list[psutil.Process]:
    arguments = [sys.executable, "-c", _OWNER, str(data_dir)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        owner.kill()
    return family


def _servers_family(stack: DevStack, name: Service) -> list[psutil.Process]:
    server = psutil.Process(int((stack.run_dir / f"{name}.pid").read_text()))
    return [server, *server.children(recursive=True)]


def _assert_ended(family: list[psutil.Process]) -> None:
    assert [process for process in family if _lives(process)] == []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _fetch(stack: DevStack, query: str) -> object:
    connection = await asyncpg.connect(stack.env()["DATABASE_URL"].replace("+asyncpg", ""))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _valkey(stack: DevStack) -> redis.Redis:
    return redis.Redis.from_url(stack.env()["REDIS_URL"])
