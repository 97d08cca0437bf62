"""docs/marketplace.md: its table of routes is the API, and its snippet verifies what we send."""

from __future__ import annotations

import re
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from api.main import create_app
from clients.callbacks import new_secret, sign
from tests.helpers.api import settings_for_tests

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "marketplace.md").read_text()
METHODS = "GET|POST|PUT|PATCH|DELETE"


def test_the_table_of_routes_is_the_api() -> None:
    [table] = re.findall(r"^\| route \|.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    told = re.findall(rf"`({METHODS}) (/[^`]*)`", table)
    document = create_app(settings_for_tests(), only="marketplace").openapi()
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert sorted(told) == sorted(served - {("GET", "/metrics")})


def test_every_other_route_that_is_named_exists() -> None:
    document = create_app(settings_for_tests(), only="marketplace").openapi()
    named = {(method, path.partition("?")[0]) for method, path in re.findall(rf"`({METHODS}) (/[^`]*)`", PAGE)}
    assert named <= {(method.upper(), path) for path, item in document["paths"].items() for method in item}


def test_the_snippet_verifies_what_we_sign_and_nothing_else() -> None:
    [snippet] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = compile(textwrap.dedent(snippet), "docs/marketplace.md", "exec")
    secret, body = new_secret(), '{"eventId":"e-1"}'
    signed = sign("e-1", body, [secret], datetime.now(UTC), sequence=1)
    names: dict[str, Any] = {"secret": secret, "raw_body": signed.body, "headers": signed.headers}
    exec(code, names)  # noqa: S102 - what the page tells people to run
    assert names["payload"] == {"eventId": "e-1"}
    with pytest.raises(WebhookVerificationError):
        exec(code, {**names, "raw_body": signed.body + b" "})  # noqa: S102
