"""What is the same in the OpenAPI documents of all contexts, beyond what FastAPI writes.

FastAPI writes an optional parameter as "text or null"; a query, a header and a path have no null, only the word. And it
promises an answer of its own to what is not valid, where a route promises none: ours are never of that form.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

_NULL: Final = {"type": "null"}
_NEVER_ANSWERED: Final = "HTTPValidationError"


def install(app: FastAPI) -> None:
    """Let the application's document say what is really taken and answered."""
    generate = app.openapi

    def document() -> dict[str, Any]:
        generated = generate()
        for operations in generated["paths"].values():
            for operation in operations.values():
                _correct(operation)
        for name in (_NEVER_ANSWERED, "ValidationError"):
            generated.get("components", {}).get("schemas", {}).pop(name, None)
        return generated

    app.openapi = document  # type: ignore[method-assign]  # the way FastAPI documents


def _correct(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = without_null(parameter["schema"])
    if _NEVER_ANSWERED in str(operation["responses"].get("422")):
        del operation["responses"]["422"]


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without the alternative that cannot be sent."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != _NULL]
    if len(choices) == len(schema.get("anyOf", ())):
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**choices[0], **rest} if len(choices) == 1 else {"anyOf": choices, **rest}
