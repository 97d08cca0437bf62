"""Entities are checked whole before they are kept, and keep what their rows are known by."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from db.bridge.tables import background_sync_schedule, record_state, sync_batches
from tests.helpers.api import error_of
from tests.helpers.bridge_api import Bridge

FULL: dict[str, Any] = {
    "connector_api_slug": "items-v1",
    "business_key_fields": ["item_number", "site"],
    "field_mappings": [
        {"source_field": "ITEM", "target_field": "item_number", "transformation": "trim", "is_required": True},
        {"source_field": "SITE", "target_field": "site", "default_value": "S1"},
        {
            "source_field": "PRICE",
            "target_field": "price",
            "validation_rule": [{"type": "min", "value": "0.01"}, {"type": "not_empty"}],
        },
    ],
    "sync_schedule": "*/15 * * * *",
    "source_system": "oracle",
    "fields": [{"name": "PRICE", "type": "NUMBER", "decimal_comma": True}],
    "options": {"null_tokens": ["N/A"], "zones": {"local": "Europe/Rome"}, "rowversion": {"kind": "integer"}},
}


async def state(bridge: Bridge, entity: dict[str, Any], scheme: str = "v2") -> None:
    """One row of the entity is known at the hub."""
    names = {"source_system": entity["source_system"], "entity_name": entity["entity_name"]}
    await bridge.write(record_state, {**names, "bk_hash": b"k" * 16, "data_hash": b"d" * 32, "hash_scheme": scheme})


async def batch(bridge: Bridge, entity: dict[str, Any], status: str, **columns: Any) -> None:
    values = {"entity_name": entity["entity_name"], "source_system": entity["source_system"], "page_size": 100}
    row = {"sync_type": "full", "status": status, "connector_api_slug": "slug", **values, **columns}
    await bridge.write(sync_batches, row)


async def test_what_is_defined_is_shown_whole(bridge: Bridge) -> None:
    shown = await bridge.entity(**FULL)
    for field in ("connector_api_slug", "business_key_fields", "sync_schedule", "source_system"):
        assert shown[field] == FULL[field]
    assert shown["fields"] == [{"name": "PRICE", "type": "NUMBER", "date_order": "ymd", "decimal_comma": True}]
    assert shown["options"] == {
        "target": None,
        "null_tokens": ["N/A"],
        "zones": {"local": "Europe/Rome", "to_utc": False},
        "pass_unmapped": True,
        "infer": False,
        "hash_scheme": "v2",
        "bookkeeping": ["created_at", "updated_at", "created_at_utc", "updated_at_utc"],
        "rowversion": {"field": "rowversion", "kind": "integer", "overlap": 0},
    }
    assert [(each["source_field"], each["target_field"]) for each in shown["field_mappings"]] == [
        ("ITEM", "item_number"),
        ("PRICE", "price"),
        ("SITE", "site"),
    ]
    assert shown["field_mappings"][1]["validation_rule"] == [{"type": "min", "value": "0.01"}, {"type": "not_empty"}]
    assert shown["sync_stats"] == {
        "total_syncs": 0,
        "successful_syncs": 0,
        "failed_syncs": 0,
        "last_sync_at": None,
        "last_sync_status": None,
        "total_records_synced": 0,
    }
    for key in (shown["uid"], shown["entity_name"]):
        assert await bridge.reader().ok("GET", f"/entities/{key}") == shown


async def test_the_seeds_way_to_name_a_parent_is_understood(bridge: Bridge) -> None:
    parent = (await bridge.entity(business_key_fields=["site_id"]))["entity_name"]
    ref = {"parent_entity": parent, "parent_field": "site_id", "child_field": "site"}
    shown = await bridge.entity(parent_refs_config={"home": ref})
    assert shown["parent_refs_config"] == {"home": {**ref, "fields": {"site_id": "site"}}}
    pair = {"parent_entity": parent, "fields": {"site_id": "site"}}
    assert (await bridge.entity(parent_refs_config={"home": pair}))["parent_refs_config"] == shown["parent_refs_config"]


@pytest.mark.parametrize(
    "ref",
    [{}, {"parent_field": "a"}, {"child_field": "a"}, {"parent_field": "a", "child_field": "b", "fields": {"a": "b"}}],
    ids=["nothing", "parent only", "child only", "both"],
)
async def test_half_a_reference_is_refused(bridge: Bridge, ref: dict[str, Any]) -> None:
    body = {"entity_name": "e", "connector_api_slug": "s", "business_key_fields": ["id"]}
    refs = {"home": {"parent_entity": "p", **ref}}
    error = error_of(await bridge("POST", "/entities", {**body, "parent_refs_config": refs}), 422)
    assert error["errors"][0]["message"].endswith("give parent_field and child_field, or fields")


async def test_a_name_is_taken_once(bridge: Bridge) -> None:
    body = {"entity_name": f"n{uuid4().hex}", "connector_api_slug": "s", "business_key_fields": ["id"]}
    answers = await asyncio.gather(*(bridge("POST", "/entities", body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert error_of(refused, 409)["message"] == f"Entity already exists: {body['entity_name']}"


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "é", "x" * 101, ".hidden"])
async def test_a_name_is_one_segment_of_a_path(bridge: Bridge, name: str) -> None:
    body = {"entity_name": name, "connector_api_slug": "s", "business_key_fields": ["id"]}
    assert (await bridge("POST", "/entities", body)).status_code == 422


@pytest.mark.parametrize("path", ["/entities/%00", "/mappings/a%00", "/entities/" + "x" * 101])
async def test_what_can_be_no_entity_is_refused_before_anybody_is_asked(bridge: Bridge, path: str) -> None:
    assert (await bridge("GET", path)).status_code == 422
    assert (await bridge("GET", path.replace("%00", "%ed%a0%80"))).status_code in (404, 422)


async def test_a_name_nobody_knows_is_refused(bridge: Bridge) -> None:
    body = {"entity_name": "e", "connector_api_slug": "s", "business_key_fields": ["id"], "sync_enable": False}
    assert error_of(await bridge("POST", "/entities", body), 422)["errors"][0]["field"] == "body.sync_enable"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"options": {"zones": {"local": "Mars/Base"}}}, "There is no time zone 'Mars/Base'."),
        ({"business_key_fields": ["id", "id"]}, "The key names 'id' twice."),
        ({"options": {"pass_unmapped": False}}, "'id' is needed for a key, and no mapping leads to it."),
        ({"parent_refs_config": {"up": {"parent_entity": "SELF", "fields": {"id": "up"}}}}, "SELF -> SELF"),
    ],
    ids=["zone", "key", "unmapped", "its own parent"],
)
async def test_everything_that_is_wrong_is_told_at_once(bridge: Bridge, changes: dict[str, Any], problem: str) -> None:
    body = {"entity_name": "SELF", "connector_api_slug": "s", "business_key_fields": ["id"], **changes}
    error = error_of(await bridge("POST", "/entities", body), 400)
    assert error["code"] == "ENTITY_INVALID"
    assert problem in error["message"]
    assert error_of(await bridge("GET", "/entities/SELF"), 404)["message"] == "Entity not found: SELF"


async def test_a_cycle_of_parents_is_refused_when_it_is_saved(bridge: Bridge) -> None:
    first, second = f"a{uuid4().hex}", f"b{uuid4().hex}"
    for child, parent in ((first, second), (second, first)):
        refs = {"up": {"parent_entity": parent, "parent_field": "id", "child_field": "up"}}
        body = {"entity_name": child, "connector_api_slug": "s", "business_key_fields": ["id"]}
        answer = await bridge("POST", "/entities", {**body, "parent_refs_config": refs})
        if child == first:
            assert answer.status_code == 201
    assert "parents of each other" in error_of(answer, 400)["message"]
    assert (await bridge("GET", f"/entities/{second}")).status_code == 404


async def test_a_reference_must_lead_to_the_parents_key(bridge: Bridge) -> None:
    parent = await bridge.entity(business_key_fields=["site_id"])
    refs = {"home": {"parent_entity": parent["entity_name"], "parent_field": "id", "child_field": "site"}}
    body = {"entity_name": "c", "connector_api_slug": "s", "business_key_fields": ["id"], "parent_refs_config": refs}
    error = error_of(await bridge("POST", "/entities", body), 400)
    assert error["message"].endswith(f"must name the key of '{parent['entity_name']}': site_id.")


async def test_a_change_changes_what_it_names(bridge: Bridge) -> None:
    before = await bridge.entity(**FULL)
    path = f"/entities/{before['uid']}"
    after = await bridge.ok("PUT", path, {"sync_enabled": False, "options": {"infer": True}})
    assert after["updated_at"] > before["updated_at"]
    expected = {**before, "sync_enabled": False, "options": {**before["options"], "infer": True}}
    assert after == {**expected, "updated_at": after["updated_at"]}
    emptied = await bridge.ok("PUT", path, {"sync_schedule": None, "fields": None, "options": None})
    assert (emptied["sync_schedule"], emptied["fields"], emptied["options"]["null_tokens"]) == (None, [], [])
    assert emptied["field_mappings"] == before["field_mappings"]


async def test_null_keeps_what_cannot_be_empty(bridge: Bridge) -> None:
    before = await bridge.entity(**FULL)
    body = {"connector_api_slug": None, "business_key_fields": None, "sync_enabled": None, "source_system": None}
    after = await bridge.ok("PUT", f"/entities/{before['entity_name']}", body)
    assert after == {**before, "updated_at": after["updated_at"]}


async def test_parents_can_be_taken_away(bridge: Bridge) -> None:
    parent = (await bridge.entity())["entity_name"]
    child = await bridge.entity(parent_refs_config={"up": {"parent_entity": parent, "fields": {"id": "up"}}})
    assert error_of(await bridge("DELETE", f"/entities/{parent}"), 409)["context"]["used_by"] == [child["entity_name"]]
    cleared = await bridge.ok("PUT", f"/entities/{child['uid']}", {"parent_refs_config": None})
    assert cleared["parent_refs_config"] == {}
    await bridge.ok("DELETE", f"/entities/{parent}")


@pytest.mark.parametrize(
    "change",
    [{"business_key_fields": ["other"]}, {"source_system": "sap"}, {"options": {"hash_scheme": "v1"}}],
    ids=["key", "source", "scheme"],
)
async def test_what_known_rows_are_recognised_by_stays(bridge: Bridge, change: dict[str, Any]) -> None:
    free, known = await bridge.entity(), await bridge.entity()
    await state(bridge, known)
    assert error_of(await bridge("PUT", f"/entities/{known['uid']}", change), 409)["code"] == "ENTITY_HAS_STATE"
    assert await bridge.ok("GET", f"/entities/{known['uid']}") == known
    assert (await bridge.ok("PUT", f"/entities/{free['uid']}", change))["updated_at"] > free["updated_at"]


async def test_an_entity_defined_again_keeps_the_hash_scheme_of_its_rows(bridge: Bridge) -> None:
    gone = await bridge.entity()
    await state(bridge, gone)
    await bridge.ok("DELETE", f"/entities/{gone['uid']}")
    error = error_of(await bridge("POST", "/entities", {**_body(gone), "options": {"hash_scheme": "v1"}}), 409)
    assert error["message"] == "Rows of an entity of this name are known by hash scheme v2."
    assert (await bridge("POST", "/entities", _body(gone))).status_code == 201


def _body(entity: dict[str, Any]) -> dict[str, Any]:
    return {name: entity[name] for name in ("entity_name", "connector_api_slug", "business_key_fields")}


async def test_deleting_takes_the_mappings_along_and_nothing_else(bridge: Bridge) -> None:
    entity = await bridge.entity(**FULL)
    await batch(bridge, entity, "completed")
    await bridge.ok("DELETE", f"/entities/{entity['entity_name']}")
    assert error_of(await bridge("GET", f"/mappings/{entity['entity_name']}"), 404)["code"] == "ENTITY_NOT_FOUND"
    assert (await bridge("DELETE", f"/entities/{entity['entity_name']}")).status_code == 404
    again = await bridge.ok("POST", "/entities", _body(entity))
    assert (again["field_mappings"], again["sync_stats"]["total_syncs"]) == ([], 1)


async def test_an_entity_that_is_worked_on_is_not_deleted(bridge: Bridge) -> None:
    running, scheduled = await bridge.entity(), await bridge.entity()
    await batch(bridge, running, "running")
    assert error_of(await bridge("DELETE", f"/entities/{running['uid']}"), 409)["code"] == "BATCH_IN_PROGRESS"
    names = {"entity_name": scheduled["entity_name"], "source_system": scheduled["source_system"]}
    await bridge.write(background_sync_schedule, names)
    assert error_of(await bridge("DELETE", f"/entities/{scheduled['uid']}"), 409)["code"] == "ENTITY_IN_USE"
    change = await bridge("PUT", f"/entities/{scheduled['uid']}", {"source_system": "sap"})
    assert error_of(change, 409)["code"] == "ENTITY_IN_USE"


async def test_the_list_counts_what_its_filters_leave(bridge: Bridge) -> None:
    marks = f"%{uuid4().hex[:6]}"
    for number in range(3):
        name = f"list{marks[1:]}_{number}"
        body = {"entity_name": name, "connector_api_slug": "s", "business_key_fields": ["id"]}
        shown = await bridge.ok("POST", "/entities", {**body, "sync_enabled": number != 1})
        if number == 0:
            await batch(bridge, shown, "failed", created_at=_at(1), completed_at=_at(2))
            await batch(bridge, shown, "completed", created_at=_at(3), completed_at=_at(4), rows_inserted=7)
            await batch(bridge, shown, "completed", created_at=_at(5), dry_run=True, rows_inserted=9)
            await batch(bridge, shown, "failed", created_at=_at(5), sync_type="retry")
    page = await bridge.reader().ok("GET", "/entities", search=f"LIST{marks[1:]}", page_size=2)
    assert (page["total"], page["total_pages"], len(page["items"])) == (3, 2, 2)
    first = page["items"][0]
    assert (first["total_syncs"], first["last_sync_status"]) == (2, "completed")
    assert first["last_sync_at"] == "2026-01-01T04:00:00Z"
    stats = (await bridge.ok("GET", f"/entities/{first['uid']}"))["sync_stats"]
    assert (stats["successful_syncs"], stats["failed_syncs"], stats["total_records_synced"]) == (1, 1, 7)
    enabled = await bridge.ok("GET", "/entities", search=f"list{marks[1:]}", sync_enabled=True)
    assert [item["entity_name"][-1] for item in enabled["items"]] == ["0", "2"]
    assert (await bridge.ok("GET", "/entities", search=marks))["total"] == 0


def _at(hour: int) -> datetime:
    return datetime(2026, 1, 1, hour, tzinfo=UTC)


@pytest.mark.parametrize("query", [{"page": 0}, {"page_size": 0}, {"page_size": 101}, {"page": 2**31}], ids=str)
async def test_a_page_that_is_none_is_a_bad_request(bridge: Bridge, query: dict[str, int]) -> None:
    error = error_of(await bridge("GET", "/entities", **query), 400)
    assert error["context"]["field"] in query
