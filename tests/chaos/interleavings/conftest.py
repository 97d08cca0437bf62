"""One stage for all seeds of a module, and the report at the end.

Without anything 300 seeds run, which is what fits into `make test`. `CHAOS_SEEDS=20` runs fifty times as many seeds
as that, `CHAOS_SEED=7` only that one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.chaos.interleavings.report import Tally
from tests.chaos.interleavings.stage import Stage, open_stage

BLOCK: Final = 10
_SHORT: Final = 300
_PER_LONG_SEED: Final = 50
_TALLY: Final = pytest.StashKey[Tally]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test per block of seeds."""
    if "seeds" in metafunc.fixturenames:
        metafunc.parametrize("seeds", _blocks(), ids=lambda block: f"{block[0]}-{block[-1]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was endured."""
    tally = config.stash.get(_TALLY, None)
    if tally is not None and tally.seeds:
        terminalreporter.section("interleavings")
        for line in tally.lines():
            terminalreporter.write_line(line)


def _blocks() -> list[range]:
    if only := os.environ.get("CHAOS_SEED"):
        return [range(int(only), int(only) + 1)]
    long = os.environ.get("CHAOS_SEEDS")
    count = int(long) * _PER_LONG_SEED if long else _SHORT
    return [range(first, min(first + BLOCK, count)) for first in range(0, count, BLOCK)]


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """The counts of this run."""
    return pytestconfig.stash.setdefault(_TALLY, Tally())


@pytest.fixture(scope="module")
async def stage(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The servers and applications the seeds of a module share."""
    async with open_stage(module_database_url, tmp_path_factory.mktemp("staging")) as opened:
        yield opened
