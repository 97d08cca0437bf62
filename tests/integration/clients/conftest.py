"""The catalogue's server, where one is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.mariadb import MariadbServer, mariadb_program


@pytest.fixture(scope="session")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty catalogue database."""
    if mariadb_program() is None:
        pytest.skip("MariaDB is not installed; the catalogue is tested on SQLite only")
    folder = tmp_path_factory.mktemp("mariadb")
    server = MariadbServer(folder / "data", folder, durable=False)
    yield server.start()
    server.stop()
