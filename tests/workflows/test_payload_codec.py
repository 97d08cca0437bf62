"""With sealed payloads a history tells nothing, a sync runs as ever, and its history replays."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from tests.helpers.fake_cards import FakeCards, serving, start_sync
from workflows.cards.bulk_sync import BulkSyncWorkflow
from workflows.cards.contracts import BulkSyncInput
from workflows.payload_codec import Mode, data_converter


class Cipher:
    """What db.vault does with one key; the sandbox's tests import no database code."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def encrypt_bytes(self, body: bytes) -> bytes:
        return self._fernet.encrypt(body)

    def decrypt_bytes(self, token: bytes) -> bytes:
        return self._fernet.decrypt(token)


CIPHER = Cipher()


def with_mode(client: Client, mode: Mode) -> Client:
    return Client(client.service_client, data_converter=data_converter(mode, lambda: CIPHER))


def payloads(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every payload in a history's JSON, with the name of the field that holds it; search attributes are not sealed."""
    if isinstance(node, dict):
        if "metadata" in node and "data" in node:
            yield place, node
        for name, inner in node.items():
            if name not in ("searchAttributes", "indexedFields"):
                yield from payloads(inner, name)
    elif isinstance(node, list):
        for inner in node:
            yield from payloads(inner, place)


def encodings(history: WorkflowHistory) -> set[str]:
    found = [payload for _, payload in payloads(json.loads(history.to_json()))]
    assert len(found) > 10
    return {b64decode(payload["metadata"]["encoding"]).decode() for payload in found}


async def test_a_sealed_history_tells_nothing_and_replays(temporal_client: Client, start: BulkSyncInput) -> None:
    sealed, fake = with_mode(temporal_client, "on"), FakeCards()
    async with serving(sealed, fake):
        handle = await start_sync(sealed, start)
        assert (await handle.result()).totals.rows == 6
    history = await handle.fetch_history()
    assert encodings(history) == {"binary/encrypted"}
    text = history.to_json()
    # The ids of the workflow and of its search attribute alone.
    assert "chunk_no" not in text
    assert str(start.operation_id) not in text
    await _replay(history, sealed.data_converter)
    with pytest.raises(Exception, match=r"Unknown|encoding|Failed"):
        await _replay(history, pydantic_data_converter)


async def test_a_failure_tells_its_kind_only(temporal_client: Client, start: BulkSyncInput) -> None:
    sealed, fake = with_mode(temporal_client, "on"), FakeCards()
    fake.fail("begin", ApplicationError("a text that an operator need not see", type="Odd", non_retryable=True))
    async with serving(sealed, fake):
        handle = await start_sync(sealed, start)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert "need not see" in _texts(failed.value)
    text = (await handle.fetch_history()).to_json()
    assert "need not see" not in text
    assert '"Odd"' in text


async def test_on_the_way_both_are_read(temporal_client: Client, start: BulkSyncInput) -> None:
    """A process that is told to read meets runs that were begun in clear, and leaves them so."""
    reading, fake = with_mode(temporal_client, "read"), FakeCards()
    async with serving(reading, fake):
        clear = await start_sync(temporal_client, start)
        await clear.result()
        assert encodings(await clear.fetch_history()) <= {"json/plain", "binary/null"}
        begun = start.model_copy(update={"user_id": start.operation_id})
        sealed = await start_sync(with_mode(temporal_client, "on"), begun)
        assert (await with_mode(temporal_client, "on").get_workflow_handle(sealed.id).result())["totals"]["rows"] == 6
    assert "binary/encrypted" in encodings(await sealed.fetch_history())


def test_off_is_what_it_was() -> None:
    def never() -> Cipher:
        raise AssertionError("no key is asked for")

    assert data_converter("off", never) is pydantic_data_converter


async def _replay(history: WorkflowHistory, converter: DataConverter) -> None:
    await Replayer(workflows=[BulkSyncWorkflow], data_converter=converter).replay_workflow(history)


def _texts(error: BaseException | None) -> str:
    return "" if error is None else f"{error} {_texts(error.__cause__)}"
