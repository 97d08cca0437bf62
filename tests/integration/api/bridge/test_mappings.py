"""Mappings are saved with the entity they belong to, all of a request or none."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.helpers.api import error_of
from tests.helpers.bridge_api import Bridge

RULES: list[dict[str, Any]] = [
    {"type": "not_empty"},
    {"type": "regex", "pattern": "[A-Z]+"},
    {"type": "min", "value": "-1.50"},
    {"type": "max", "value": "12345678901234567890.123"},
    {"type": "in", "values": ["A", "B"]},
    {"type": "length", "low": 1, "high": None},
    {"type": "unique_in_batch"},
]


def mapping(source: str, target: str, **rest: Any) -> dict[str, Any]:
    return {"source_field": source, "target_field": target, **rest}


@pytest.fixture
async def path(bridge: Bridge) -> str:
    """Where the mappings of a new entity are."""
    return f"/mappings/{(await bridge.entity())['entity_name']}"


async def test_a_mapping_is_shown_as_it_was_given(bridge: Bridge, path: str) -> None:
    given = mapping("CODE", "id", transformation="uppercase", default_value=7, is_required=True, validation_rule=RULES)
    added = await bridge.ok("POST", path, given)
    assert {name: added[name] for name in given} == given
    assert await bridge.reader().ok("GET", path) == {
        "entity_name": path.rpartition("/")[2],
        "total": 1,
        "mappings": [added],
    }


@pytest.mark.parametrize("default", ["", "x", 0, True, False, None, 2**62], ids=repr)
async def test_a_default_keeps_its_type(bridge: Bridge, path: str, default: object) -> None:
    added = await bridge.ok("POST", path, mapping("A", "a", default_value=default))
    assert added["default_value"] == default
    assert type(added["default_value"]) is type(default)


async def test_several_are_added_at_once_in_their_order(bridge: Bridge, path: str) -> None:
    given = [mapping("B", "b"), mapping("A", "a"), mapping("A", "c")]
    added = await bridge.ok("POST", f"{path}/bulk", {"mappings": given})
    assert (added["created"], [each["target_field"] for each in added["mappings"]]) == (3, ["b", "a", "c"])
    assert len({each["uid"] for each in added["mappings"]}) == 3
    shown = (await bridge.ok("GET", path))["mappings"]
    assert [(each["source_field"], each["target_field"]) for each in shown] == [("A", "a"), ("A", "c"), ("B", "b")]


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ([mapping("A", "a")], 409, "MAPPING_EXISTS"),
        ([mapping("B", "a")], 400, "ENTITY_INVALID"),
        ([mapping("B", "b"), mapping("C", "erp_key_hash")], 400, "ENTITY_INVALID"),
        ([mapping("B", "b", validation_rule=[{"type": "regex", "pattern": "("}])], 400, "ENTITY_INVALID"),
        ([mapping("B", "b", validation_rule=[{"type": "length", "low": 3, "high": 2}])], 400, "ENTITY_INVALID"),
        ([mapping("B", "b", validation_rule=[{"type": "magic"}])], 422, "VALIDATION_ERROR"),
        ([mapping("B", "b", transformation="explode")], 422, "VALIDATION_ERROR"),
        ([mapping("B", "b" * 201)], 422, "VALIDATION_ERROR"),
        ([mapping("B\x00", "b")], 422, "VALIDATION_ERROR"),
        ([mapping("B", "b", default_value="\x00")], 422, "VALIDATION_ERROR"),
        ([mapping("B", "b", default_value="x" * 4001)], 422, "VALIDATION_ERROR"),
        ([mapping("B", "b", default_value=2**63)], 422, "VALIDATION_ERROR"),
        ([mapping("B", "b", default_value=1.5)], 422, "VALIDATION_ERROR"),
        ([mapping("B", "b", validation_rule=[{"type": "max", "value": "1e999999"}])], 422, "VALIDATION_ERROR"),
        ([], 422, "VALIDATION_ERROR"),
    ],
    ids=[
        "same",
        "target taken",
        "ours",
        "no pattern",
        "no length",
        "no rule",
        "no transformation",
        "long",
        "nul",
        "nul by default",
        "long by default",
        "large by default",
        "fraction by default",
        "endless",
        "none",
    ],
)
async def test_what_cannot_be_used_adds_nothing(
    bridge: Bridge, path: str, more: list[dict[str, Any]], status: int, code: str
) -> None:
    [first] = (await bridge.ok("POST", f"{path}/bulk", {"mappings": [mapping("A", "a")]}))["mappings"]
    assert error_of(await bridge("POST", f"{path}/bulk", {"mappings": more}), status)["code"] == code
    assert (await bridge.ok("GET", path))["mappings"] == [first]


async def test_a_change_changes_what_it_names(bridge: Bridge, path: str) -> None:
    added = await bridge.ok("POST", path, mapping("A", "a", default_value="x", validation_rule=RULES))
    changed = await bridge.ok("PUT", f"{path}/{added['uid']}", {"target_field": "b", "default_value": None})
    assert changed == {**added, "target_field": "b", "default_value": None}
    await bridge.ok("POST", path, mapping("A", "c"))
    taken = await bridge("PUT", f"{path}/{added['uid']}", {"target_field": "c"})
    assert error_of(taken, 409)["code"] == "MAPPING_EXISTS"
    assert (await bridge.ok("GET", path))["mappings"][0] == changed


async def test_a_mapping_of_another_entity_is_not_found(bridge: Bridge, path: str) -> None:
    other = f"/mappings/{(await bridge.entity())['uid']}"
    added = await bridge.ok("POST", path, mapping("A", "a"))
    for uid in (added["uid"], uuid4()):
        for method, body in (("PUT", {}), ("DELETE", None)):
            assert error_of(await bridge(method, f"{other}/{uid}", body), 404)["code"] == "MAPPING_NOT_FOUND"
    assert (await bridge("GET", "/mappings/nobody")).status_code == 404
    assert (await bridge.ok("GET", path))["total"] == 1


async def test_all_is_no_uid(bridge: Bridge, path: str) -> None:
    await bridge.ok("POST", f"{path}/bulk", {"mappings": [mapping("A", "a"), mapping("B", "b")]})
    uid = (await bridge.ok("GET", path))["mappings"][0]["uid"]
    assert (await bridge("DELETE", f"{path}/{uid}")).status_code == 204
    assert (await bridge.ok("GET", path))["total"] == 1
    assert (await bridge("DELETE", f"{path}/all")).status_code == 204
    assert await bridge.ok("GET", path) == {"entity_name": path.rpartition("/")[2], "total": 0, "mappings": []}


async def test_a_mapping_that_the_key_needs_stays(bridge: Bridge) -> None:
    entity = await bridge.entity(field_mappings=[mapping("ID", "id")], options={"pass_unmapped": False})
    path = f"/mappings/{entity['entity_name']}"
    for which in ("all", entity["field_mappings"][0]["uid"]):
        assert "needed for a key" in error_of(await bridge("DELETE", f"{path}/{which}"), 400)["message"]
    assert (await bridge.ok("GET", path))["total"] == 1


async def test_an_entitys_mappings_are_replaced_as_one(bridge: Bridge) -> None:
    entity = await bridge.entity(field_mappings=[mapping("A", "a"), mapping("B", "b")])
    path = f"/entities/{entity['entity_name']}"
    swapped = [mapping("A", "b", is_required=True), mapping("B", "a")]
    changed = await bridge.ok("PUT", path, {"field_mappings": swapped})
    assert [(each["source_field"], each["target_field"]) for each in changed["field_mappings"]] == [
        ("A", "b"),
        ("B", "a"),
    ]
    unusable = {"field_mappings": [mapping("A", "c"), mapping("B", "c")]}
    assert error_of(await bridge("PUT", path, unusable), 400)["code"] == "ENTITY_INVALID"
    assert await bridge.ok("GET", path) == changed
    assert (await bridge.ok("PUT", path, {"field_mappings": None}))["field_mappings"] == changed["field_mappings"]
    assert (await bridge.ok("PUT", path, {"field_mappings": []}))["field_mappings"] == []
