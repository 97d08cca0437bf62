"""The marketplace's documentation page: every field and parameter with an example, every answer of every route."""

from __future__ import annotations

from typing import Any

import pytest

from api.main import create_app
from api.marketplace.documentation import _FAILURES
from tests.helpers.api import settings_for_tests
from tests.helpers.openapi import Documented

DOCUMENT: dict[str, Any] = create_app(settings_for_tests(), only="marketplace").openapi()
DOCUMENTED = Documented(DOCUMENT)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if path != "/metrics"
}
each_operation = pytest.mark.parametrize("name", OPERATIONS)

NAMED, BY_ID = (400, 401, 403), (400, 401, 404)
BESIDES = (500, 503)
ANSWERS = {
    "POST /stores/register": (200, *NAMED, 413),
    "GET /stores": (200, *NAMED),
    "GET /stores/sync-status": (200, 400, 404, 429),
    "GET /stores/{storeId}/logs": (200, *BY_ID),
    "POST /orders/import": (200, 400, 404, 413, 429),
    "POST /webhooks/register": (200, *NAMED, 413),
    "GET /webhooks": (200, *NAMED),
    "DELETE /webhooks/{webhookId}": (204, *BY_ID),
    "POST /webhooks/{webhookId}/pause": (200, *BY_ID),
    "POST /webhooks/{webhookId}/resume": (200, *BY_ID),
    "POST /webhooks/{webhookId}/rotate-secret": (200, *BY_ID),
    "GET /webhooks/{webhookId}/deliveries": (200, *BY_ID),
    "GET /webhooks/{webhookId}/events": (200, *BY_ID),
    "POST /webhooks/{webhookId}/test": (202, *BY_ID, 409),
    "POST /webhooks/{webhookId}/replay": (202, *BY_ID, 409, 413),
    "GET /webhooks/{webhookId}/replays/{replayId}": (200, *BY_ID),
    "POST /webhooks/{webhookId}/replays/{replayId}/resume": (202, *BY_ID, 409),
    "POST /mock/{marketplace}/validate": (200, 400, 401, 413, 429),
}


def example_of(name: str) -> dict[str, Any]:
    """A body made of the examples of its fields; lists hold one such body."""
    return {field: _example(schema) for field, schema in SCHEMAS[name]["properties"].items()}


def _example(schema: dict[str, Any]) -> Any:
    if "examples" in schema:
        return schema["examples"][0]
    return [example_of(schema["items"]["$ref"].rpartition("/")[2])]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_field_is_described_and_has_an_example(name: str) -> None:
    fields = SCHEMAS[name]["properties"]
    assert [field for field, schema in fields.items() if not schema.get("description")] == []
    pages = [field for field, schema in fields.items() if schema.get("type") == "array" and "$ref" in schema["items"]]
    lacking = {field for field, schema in fields.items() if not schema.get("examples")} - set(pages)
    assert lacking == set()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_examples_together_are_a_valid_body(name: str) -> None:
    DOCUMENTED.fits(example_of(name), SCHEMAS[name])


@each_operation
def test_every_route_is_described_with_its_parameters(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]
        (example,) = parameter["schema"]["examples"]
        DOCUMENTED.fits(example, parameter["schema"])


def test_every_route_says_what_it_answers_and_nothing_else() -> None:
    said = {name: {int(status) for status in operation["responses"]} for name, operation in OPERATIONS.items()}
    assert said == {name: {*statuses, *BESIDES} for name, statuses in ANSWERS.items()}


@each_operation
def test_every_error_has_the_flat_body_a_description_and_an_example_of_it(name: str) -> None:
    failures = {status: answer for status, answer in OPERATIONS[name]["responses"].items() if status >= "400"}
    for status, answer in failures.items():
        content = answer["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/FlatError"}, status
        assert answer["description"] == _FAILURES[int(status)][0]
        DOCUMENTED.fits(content["example"], content["schema"])


@each_operation
def test_every_success_has_a_schema(name: str) -> None:
    (success,) = (answer for status, answer in OPERATIONS[name]["responses"].items() if status < "400")
    assert "content" not in success if name.startswith("DELETE") else success["content"]["application/json"]["schema"]


def test_no_default_validation_model_is_left() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(SCHEMAS)
