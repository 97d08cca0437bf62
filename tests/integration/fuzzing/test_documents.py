"""Requests that nobody thought of, valid and not, to every operation of all four documents: each answer is one that the
document promises, none is a 5xx of ours, what the schema allows is taken and what it forbids is refused.

`make test` tries the same few examples each time. `make fuzz EXAMPLES=200 SEED=7` tries boundaries of every field,
methods nobody serves, and as many random examples as it is told.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from devstack.service import RunningService
from tests.helpers.api import bearer
from tests.helpers.fuzzing import MOUNTS, Caller, Effort, run

LONG = os.environ.get("FUZZ_EXAMPLES", "")
SEED = os.environ.get("FUZZ_SEED", "")
EFFORT = Effort(int(LONG), "coverage,fuzzing", int(SEED or 1)) if LONG else Effort(examples=4)
BODIES = {
    "NUL": b'{"name": "a\\u0000b"}',
    "half a surrogate pair": b'{"name": "\\ud800"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "a number beyond every integer": b'{"name": 1' + b"0" * 4000 + b"}",
    "deep": b"[" * 20_000,
    "not a number": b'{"name": NaN}',
    "nothing": b"",
}
# Claims of callers with less than the fuzzer's own token, which has every role; None has no token.
ROLES: dict[str, dict[str, Any] | None] = {"nobody": None, "seller": {}, "reader": {"roles": ["reader"]}}
TYPES = ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]


@pytest.mark.timeout(1900 if LONG else 120)
@pytest.mark.parametrize("context", sorted(MOUNTS))
def test_every_answer_is_one_the_document_promises(
    service: RunningService, caller: Caller, context: str, tmp_path: Path
) -> None:
    tried = run(service.api_url, context, caller, EFFORT, tmp_path)
    assert tried.returncode == 0, tried.stdout[-6000:] + tried.stderr[-2000:]
    assert "operations" in tried.stdout.lower()


@pytest.mark.parametrize("context", sorted(MOUNTS))
async def test_bodies_that_are_no_json_of_ours_are_refused_by_every_operation(
    service: RunningService, caller: Caller, context: str
) -> None:
    place = MOUNTS[context]
    async with httpx.AsyncClient(base_url=service.api_url, headers=bearer(caller.token), timeout=30) as http:
        document = (await http.get(f"{place}/openapi.json")).json()
        for path, method, promised in _with_bodies(document):
            url = place + _filled(path, caller)
            for name, body in BODIES.items():
                answer = await http.request(method, url, content=body, headers={"Content-Type": TYPES[0]})
                assert str(answer.status_code) in promised, (name, method, path, answer.text)
                assert answer.status_code < 500, (name, method, path)
                assert not answer.is_success or name == "nothing", (name, method, path)
            for media in TYPES[1:]:
                answer = await http.request(method, url, content=b'{"name": 1}', headers={"Content-Type": media})
                assert str(answer.status_code) in promised, (media, method, path, answer.text)
                assert 400 <= answer.status_code < 500, (media, method, path, answer.text)


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("context", sorted(MOUNTS))
async def test_whoever_asks_gets_an_answer_that_is_promised(
    service: RunningService, caller: Caller, context: str, role: str
) -> None:
    place, claims = MOUNTS[context], ROLES[role]
    token = None if claims is None else service.access_token(UUID(str(caller.known["path.user_id"])), **claims)
    headers = {} if token is None else bearer(token)
    async with httpx.AsyncClient(base_url=service.api_url, headers=headers, timeout=30) as http:
        document = (await http.get(f"{place}/openapi.json")).json()
        seen = set()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if path.endswith(("/stream", "/disconnect/{user_id}")):
                    continue
                answer = await http.request(method.upper(), place + _filled(path, caller))
                assert str(answer.status_code) in operation["responses"], (method, path, answer.text)
                seen.add(answer.status_code)
    assert seen & ({401} if token is None else {200, 403, 404})


def _with_bodies(document: dict[str, Any]) -> list[tuple[str, str, Collection[str]]]:
    """Path, method and documented statuses of every operation that takes a body."""
    operations = [(path, method, one) for path, each in document["paths"].items() for method, one in each.items()]
    return [(path, method.upper(), one["responses"]) for path, method, one in operations if "requestBody" in one]


def _filled(path: str, caller: Caller) -> str:
    for place, value in caller.known.items():
        path = path.replace("{" + place.partition(".")[2] + "}", str(value))
    parts = ["00000000-0000-4000-8000-000000000000" if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)
