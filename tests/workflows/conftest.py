"""A Temporal server of our own: the queues' names are fixed, and other tests' workers may poll the shared one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack import DevStack
from workflows.cards.contracts import BulkSyncInput


@pytest.fixture(scope="session")
async def temporal_client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of that server."""
    directory = tmp_path_factory.mktemp("temporal")
    with DevStack(directory, services={"temporal"}, durable=False, environ={}) as stack:
        yield await Client.connect(stack.env()["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)


@pytest.fixture
def start() -> BulkSyncInput:
    """A sync of a seller no other test uses."""
    return BulkSyncInput(user_id=uuid4(), operation_id=uuid4())
