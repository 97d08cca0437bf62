"""The servers of the integration tests: started once per session, and only when a test asks for one.

- `stack` the embedded servers; `DATABASE_URL`, `REDIS_URL`, `TEMPORAL_ADDRESS` in the environment replace them
- `database_url` a database of its own for each test, copied from one migrated template; `module_database_url`
  one for the whole module
- `mysql_url` MariaDB, where the system's package is installed; the tests are skipped elsewhere
- `redis_url` the same server for all, emptied before each test
- `temporal_client` with the pydantic converter; `task_queue` a queue no other test uses
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import redis
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack import DevStack, create_database, drop_database
from devstack.mariadb import mariadb_program
from tests.helpers.migrations import migrate

_TEMPLATE = "migrated_template"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevStack]:
    """PostgreSQL, Valkey and Temporal for the whole session."""
    data_dir = tmp_path_factory.mktemp("stack")
    with DevStack(data_dir, services={"postgres", "valkey", "temporal"}, durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def admin_url(stack: DevStack) -> str:
    """A PostgreSQL URL that may create databases."""
    return stack.env()["DATABASE_URL"]


@pytest.fixture(scope="session")
async def database_template(admin_url: str) -> str:
    """Name of the migrated database the others are copied from."""
    await drop_database(admin_url, _TEMPLATE)
    await migrate(await create_database(admin_url, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
async def database_url(admin_url: str, database_template: str) -> AsyncIterator[str]:
    """A migrated database for this test alone."""
    name = f"test_{uuid.uuid4().hex}"
    yield await create_database(admin_url, name, database_template)
    await drop_database(admin_url, name)


@pytest.fixture(scope="module")
async def module_database_url(admin_url: str, database_template: str) -> AsyncIterator[str]:
    """A migrated database shared by the tests of a module."""
    name = f"test_{uuid.uuid4().hex}"
    yield await create_database(admin_url, name, database_template)
    await drop_database(admin_url, name)


@pytest.fixture
async def empty_database_url(admin_url: str) -> AsyncIterator[str]:
    """A database without a schema, for tests of the migrations themselves."""
    name = f"test_{uuid.uuid4().hex}"
    yield await create_database(admin_url, name)
    await drop_database(admin_url, name)


@pytest.fixture(scope="session")
def mysql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The database `catalog` of a real MariaDB, the same one for the whole session."""
    if mariadb_program() is None:
        pytest.skip("MariaDB is not installed (apt-get install mariadb-server-core mariadb-client-core)")
    with DevStack(tmp_path_factory.mktemp("mariadb"), services={"mariadb"}, durable=False) as running:
        yield running.env()["CATALOG_URL"]


@pytest.fixture
def redis_url(stack: DevStack) -> str:
    """An empty Redis database."""
    url = stack.env()["REDIS_URL"]
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
async def temporal_client(stack: DevStack) -> Client:
    """A client of the session's Temporal server."""
    return await Client.connect(stack.env()["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)


@pytest.fixture
def task_queue() -> str:
    """A task queue no other test uses."""
    return f"test-{uuid.uuid4().hex}"
