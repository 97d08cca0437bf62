"""`make demo` without make: the process as a person runs it, its last line, and that nothing outlives it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import httpx
import psutil
import pytest

from devstack import DevStack

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 100


@contextmanager
def start(data_dir: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that is gone at the end of the block, also when the test fails in it."""
    argv = [sys.executable, "-m", "cli", "demo", "--data-dir", str(data_dir), *options]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            yield demo
        finally:
            demo.terminate()


def lines_until(demo: subprocess.Popen[str], last: str) -> list[str]:
    """What it prints up to a line; fails when it ends before."""
    assert demo.stdout is not None
    shown = list(takewhile(lambda line: line.rstrip() != last, demo.stdout))
    assert demo.poll() is None, "".join(shown)
    return shown


def mentions(process: psutil.Process, text: str) -> bool:
    try:
        return any(text in part for part in process.cmdline())
    except psutil.Error:
        return False


def survivors(data_dir: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if mentions(process, str(data_dir))]


def test_it_ends_by_itself_with_its_figures_and_leaves_nothing(tmp_path: Path) -> None:
    with start(tmp_path, "--products", "3000", "--traffic", "3", "--exit") as demo:
        output, _ = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 0, output
    figures = json.loads(output.splitlines()[-1])
    assert figures["laws_held"] is True
    assert figures["first_sync"]["created"] == 3000
    assert figures["second_sync"]["updated"] == figures["changes"]["changed"] == 30
    assert figures["second_sync"]["drift"]["total"] == 0
    traffic = figures["traffic"]
    assert min(traffic["sold"], traffic["webhooks_received"], traffic["own_edits"], traffic["syncs"]) >= 1
    assert (traffic["unsettled"], traffic["drift"]["total"]) == (0, 0)
    assert survivors(tmp_path) == []


def test_it_stays_up_until_ctrl_c(tmp_path: Path) -> None:
    with start(tmp_path, "--products", "500", "--traffic", "1") as demo:
        shown = lines_until(demo, "Ctrl-C ends everything.")
        addresses = dict(line.strip().rsplit(maxsplit=1) for line in shown if re.search(r" http://\S+\n$", line))
        workflow, run_id, _ = addresses["this sync in it"].rsplit("/", 2)
        answer = httpx.get(workflow.replace("/namespaces/", "/api/v1/namespaces/"), params={"execution.runId": run_id})
        assert answer.json()["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_COMPLETED"
        assert httpx.get(addresses["API"]).is_success
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=SECONDS)
    assert (demo.returncode, output.strip()) == (0, "Stopping")
    assert survivors(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path, "--products", "100") as demo:
        deadline = time.monotonic() + SECONDS
        while not list(tmp_path.glob("run/postgres.pid")) and time.monotonic() < deadline:
            time.sleep(0.02)
        demo.send_signal(number)
        output, _ = demo.communicate(timeout=SECONDS)
    assert demo.returncode != 0
    assert "Traceback" not in output
    assert survivors(tmp_path) == []


def test_a_second_demo_on_the_same_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with DevStack(tmp_path, services=frozenset(), environ={}), start(tmp_path, "--exit") as demo:
        output, _ = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 1
    assert output.strip().startswith("Another stack is using")
