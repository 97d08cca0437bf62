"""The documentation page: complete, and without what does not exist in production."""

from __future__ import annotations

from typing import Any

import pytest

from api.main import create_app
from tests.helpers.api import PREFIX, serving_fakes, settings_for_tests

DOCUMENT: dict[str, Any] = create_app(settings_for_tests()).openapi()
OPERATIONS = [(path, method, op) for path, ops in DOCUMENT["paths"].items() for method, op in ops.items()]
PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "database_url": "postgresql+asyncpg://nobody@127.0.0.1:1/nothing",
    "catalog_url": "sqlite://",
    "fernet_key": "x",
    "jwt_public_key": "x",
}


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_field_is_described(name: str) -> None:
    fields = DOCUMENT["components"]["schemas"][name].get("properties", {})
    assert [field for field, schema in fields.items() if not schema.get("description")] == []


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_every_operation_is_described_and_its_errors_have_the_envelope(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["description"]
    assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    for status, response in operation["responses"].items():
        if status >= "400" and path != "/health/ready":
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, status


def test_no_default_validation_model_is_left() -> None:
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


async def test_the_test_users_do_not_exist_in_production() -> None:
    assert f"{PREFIX}/setup-test-user" in DOCUMENT["paths"]
    app = create_app(settings_for_tests(**PRODUCTION))
    assert f"{PREFIX}/setup-test-user" not in app.openapi()["paths"]
    async with serving_fakes(**PRODUCTION) as http:
        assert (await http.post(f"{PREFIX}/setup-test-user", json={})).status_code == 404
