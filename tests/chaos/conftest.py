"""One site for all seeds, and the report at the end.

`CHAOS_SEEDS=20` runs the seeds 0 to 20, `CHAOS_SEED=7` only that one; without either the short form runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from devstack import DevStack
from tests.chaos.report import Report
from tests.chaos.site import SERVERS, Site, chaos_ports

SHORT = (10,)
_REPORT = pytest.StashKey[Report]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test per seed."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", _seeds())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was endured."""
    report = config.stash.get(_REPORT, None)
    if report is not None and (report.syncs or report.remarks):
        terminalreporter.section("chaos")
        for line in report.lines():
            terminalreporter.write_line(line)


def _seeds() -> list[int]:
    if only := os.environ.get("CHAOS_SEED"):
        return [int(only)]
    if count := os.environ.get("CHAOS_SEEDS"):
        return list(range(int(count) + 1))
    return list(SHORT)


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """The counts of this run."""
    return pytestconfig.stash.setdefault(_REPORT, Report())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Durable servers at fixed addresses, with everything of ours on them."""
    data_dir = tmp_path_factory.mktemp("chaos")
    with DevStack(data_dir, services=frozenset(SERVERS), durable=True, ports=chaos_ports(), environ={}) as stack:
        opened = Site.open(stack)
        yield opened
        opened.close()
