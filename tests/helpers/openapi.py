"""Answers held against an OpenAPI document: the status is documented, the body is of its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs


class Documented:
    """A response hook of an HTTP client; it knows the routes below `mount` by their document."""

    def __init__(self, document: dict[str, Any], mount: str = "") -> None:
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._mount = mount
        self._operations = [
            (method.upper(), re.compile(re.sub(r"{\w+}", "[^/]+", path)), operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]

    async def __call__(self, response: httpx.Response) -> None:
        """Raises `AssertionError` or `ValidationError`."""
        request = response.request
        for operation in self._of(request):
            said = operation["responses"].get(str(response.status_code))
            assert said is not None, f"{request.method} {request.url.path} answered {response.status_code}"
            await response.aread()
            if "content" in said:
                self.fits(response.json(), said["content"]["application/json"]["schema"])
            else:
                assert response.content == b""

    def fits(self, value: object, schema: Any) -> None:
        """Raises when the value is none of the schema's."""
        jsonschema_rs.Draft202012Validator(self._inlined(schema), validate_formats=True).validate(value)

    def _of(self, request: httpx.Request) -> Iterator[dict[str, Any]]:
        path = request.url.path
        if not path.startswith(self._mount):
            return
        below = path.removeprefix(self._mount)
        # A fixed path wins over one with parameters, as in the application.
        found = [
            (of, each) for method, of, each in self._operations if method == request.method and of.fullmatch(below)
        ]
        if found:
            yield max(found, key=lambda match: len(match[0].pattern.replace("[^/]+", "")))[1]

    def _inlined(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._inlined(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        named = self._schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
        return {name: self._inlined(part) for name, part in {**named, **schema}.items() if name != "$ref"}
