"""The documentation page: complete, and without what does not exist in production."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from api.main import create_app
from tests.helpers.api import PREFIX, bearer, serving_fakes, settings_for_tests, token_for

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


@pytest.mark.parametrize(("method", "path"), [("POST", "/setup-test-user"), ("GET", "/debug-logs")])
async def test_what_is_for_development_does_not_exist_in_production(method: str, path: str) -> None:
    assert PREFIX + path in DOCUMENT["paths"]
    app = create_app(settings_for_tests(**PRODUCTION))
    assert PREFIX + path not in app.openapi()["paths"]
    operator = bearer(token_for(uuid4(), roles=["operator"]))
    async with serving_fakes(**PRODUCTION) as http:
        assert (await http.request(method, PREFIX + path, headers=operator)).status_code == 404
