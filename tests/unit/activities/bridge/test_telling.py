"""What the hub is told, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from activities.bridge.telling import VANISHED, Conversation, Record
from tests.helpers.bridge_neighbours import FakeHub


def record(row: int, *, is_new: bool = True, uid: str | None = None) -> Record:
    key = f"{row:032x}"
    return Record(row, key, msgspec.json.encode({"erp_key_hash": key, "row": row}), is_new, uid)


async def test_new_records_are_inserted_and_known_ones_updated_by_their_id() -> None:
    hub = FakeHub(records={"items": {"u2": {"erp_key_hash": f"{2:032x}"}}})
    heard = await Conversation(hub, "items").tell([record(1), record(2, is_new=False, uid="u2")])
    assert (heard.refused, heard.uids) == ({}, {2: "u2"})
    assert hub.calls == [("update", 1), ("insert", 1)]
    assert [row["row"] for row in hub.rows("items")] == [2, 1]


async def test_an_id_that_is_not_known_is_asked_for() -> None:
    hub = FakeHub(records={"items": {"u1": {"erp_key_hash": f"{1:032x}"}}})
    heard = await Conversation(hub, "items").tell([record(1, is_new=False), record(2, is_new=False)])
    assert (heard.refused, heard.uids) == ({}, {1: "u1"})
    assert [what for what, _ in hub.calls] == ["query", "update", "insert"]


async def test_an_id_that_is_outlived_is_forgotten() -> None:
    hub = FakeHub(records={"items": {"new": {"erp_key_hash": f"{1:032x}"}}})
    heard = await Conversation(hub, "items").tell([record(1, is_new=False, uid="old")])
    assert (heard.refused, heard.uids) == ({}, {1: "new"})


async def test_a_record_that_is_there_and_is_not_is_refused() -> None:
    class Forgetful(FakeHub):
        async def query(self, entity: str, key_hashes: Sequence[str]) -> dict[str, str]:
            return {}

    hub = Forgetful(refuse=lambda _: "conflict")
    heard = await Conversation(hub, "items").tell([record(1)])
    assert heard.refused == {1: VANISHED}


async def test_nothing_to_tell_is_not_told() -> None:
    hub = FakeHub()
    assert (await Conversation(hub, "items").tell([])).refused == {}
    assert hub.calls == []
