"""The documentation page of the bridge: complete, with the envelope at every error."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.bridge.mapping_models import MinRule
from tests.helpers.bridge_api import bridge_app

DOCUMENT: dict[str, Any] = bridge_app().openapi()
OPERATIONS = [(path, method, op) for path, ops in DOCUMENT["paths"].items() for method, op in ops.items()]


def test_every_field_is_described() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert described.get("description"), f"{name}.{field}"


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_every_operation_is_described_and_its_errors_have_the_envelope(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["description"]
    assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    for status, response in operation["responses"].items():
        if status >= "400" and not path.endswith("/health/detailed"):
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, status


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


def test_no_default_validation_model_is_left() -> None:
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


@pytest.mark.parametrize("given", ["-1.09e+38", "1E49", "12.50", 3, 0.5])
def test_a_bound_is_shown_as_the_document_says(given: object) -> None:
    value = DOCUMENT["components"]["schemas"]["MinRule"]["properties"]["value"]
    [written] = [form for form in value["anyOf"] if "pattern" in form]
    shown = MinRule.model_validate({"type": "min", "value": given}).model_dump(mode="json")["value"]
    assert re.search(written["pattern"], shown)
