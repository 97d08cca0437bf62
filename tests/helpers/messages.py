"""What every message on the wire owes, read from its JSON schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

_OF_A_LENGTH = {"uuid", "date-time"}


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a JSON schema."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from nodes(inner)


def largest(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """A value as large as the schema allows."""
    if reference := schema.get("$ref"):
        return largest(definitions[reference.rsplit("/", 1)[1]], definitions)
    if options := schema.get("anyOf"):
        return max((largest(option, definitions) for option in options), key=lambda value: len(str(value)))
    if values := schema.get("enum"):
        return max(values, key=len)
    if "const" in schema:
        return schema["const"]
    kind = schema["type"]
    if kind == "object":
        return {name: largest(inner, definitions) for name, inner in schema["properties"].items()}
    if kind == "array":
        return [largest(schema["items"], definitions)] * int(schema["maxItems"])
    if kind == "string":
        told = {"uuid": str(uuid4()), "date-time": "2026-03-05T19:00:00.123456Z"}
        return told.get(schema.get("format", "")) or "\U0001f600" * int(schema["maxLength"])
    numbers = {"integer": schema.get("maximum", 2**63 - 1), "number": schema.get("maximum", 1e300)}
    return {**numbers, "boolean": False, "null": None}[kind]


def assert_bounded(model: type[BaseModel]) -> None:
    """No text and no list may grow without end, and no object have fields that nobody knows."""
    for node in nodes(model.model_json_schema()):
        if node.get("type") == "string":
            assert {"maxLength", "enum", "const"} & set(node) or node.get("format") in _OF_A_LENGTH, node
        if node.get("type") == "array":
            assert "maxItems" in node, node
        if node.get("type") == "object":
            assert "properties" in node, node
            assert not node.get("additionalProperties"), node
