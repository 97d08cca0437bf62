"""What the documents of all four contexts must say, beside what each says of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from api.documents import without_null
from api.main import create_app
from tests.helpers.api import settings_for_tests


def _documents() -> dict[str, dict[str, Any]]:
    app = create_app(settings_for_tests())
    mounts = {mount.path[1:]: mount.app for mount in app.routes if isinstance(mount, Mount)}
    contexts = {name: context.openapi() for name, context in mounts.items() if isinstance(context, FastAPI)}
    return {"cards": app.openapi(), **contexts}


DOCUMENTS = _documents()
OPERATIONS = [
    (f"{name} {method} {path}", operation)
    for name, document in DOCUMENTS.items()
    for path, operations in document["paths"].items()
    for method, operation in operations.items()
]


def test_every_body_may_be_unreadable_or_too_large() -> None:
    bodies = [(name, set(operation["responses"])) for name, operation in OPERATIONS if "requestBody" in operation]
    assert len(bodies) > 20
    assert [name for name, statuses in bodies if not statuses >= {"400", "413"}] == []


def test_no_parameter_is_said_to_take_null() -> None:
    parameters = [(name, part) for name, operation in OPERATIONS for part in operation.get("parameters", ())]
    assert len(parameters) > 100
    assert [name for name, part in parameters if {"type": "null"} in part["schema"].get("anyOf", ())] == []


@pytest.mark.parametrize(
    ("written", "true"),
    [
        ({"type": "string"}, {"type": "string"}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "title": "T"}, {"type": "string", "title": "T"}),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
    ],
)
def test_only_the_alternative_null_is_dropped(written: dict[str, Any], true: dict[str, Any]) -> None:
    assert without_null(written) == true


@pytest.mark.parametrize("name", ["cards", "bridge", "store", "marketplace"])
def test_no_answer_is_promised_in_a_form_of_the_frameworks_own(name: str) -> None:
    assert "HTTPValidationError" not in str(DOCUMENTS[name])
    assert "ValidationError" not in DOCUMENTS[name]["components"]["schemas"]


@pytest.mark.parametrize("name", ["cards", "bridge", "store", "marketplace"])
def test_bounds_are_told_in_words_of_json_schema(name: str) -> None:
    words = {word for schema in _schemas(DOCUMENTS[name]) for word in schema}
    assert words >= {"type", "minimum"}
    assert words & {"ge", "gt", "le", "lt", "min_length", "max_length"} == set()


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "type" in part:
            yield part
        for child in part.values():
            yield from _schemas(child)
    elif isinstance(part, list):
        for child in part:
            yield from _schemas(child)
