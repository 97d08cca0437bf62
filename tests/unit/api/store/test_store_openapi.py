"""The store's documentation page is complete."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.store_api import store_app

DOCUMENT: dict[str, Any] = store_app().openapi()
OPERATIONS = [(path, method, op) for path, ops in DOCUMENT["paths"].items() for method, op in ops.items()]


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_field_of_the_store_is_described(name: str) -> None:
    fields = DOCUMENT["components"]["schemas"][name].get("properties", {})
    assert [field for field, schema in fields.items() if not schema.get("description")] == []


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_every_operation_of_the_store_is_described_and_its_errors_have_the_envelope(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["description"]
    assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    for status, response in operation["responses"].items():
        if status >= "400" and path != "/health":
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, status
