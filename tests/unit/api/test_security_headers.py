"""What a browser is told: no script but our files, no frame, and the documentation works all the same."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest

from tests.helpers.api import serving_fakes

APPS: Final = ("", "/bridge", "/store", "/marketplace")
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with serving_fakes(public_base_url="https://sync.example.test") as client:
        yield client


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", ["/health/live", "/api/v1/sync/task/x", "/nowhere", "/bridge/openapi.json"])
async def test_data_may_load_nothing(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.headers["Content-Security-Policy"] == NOTHING
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_no_page_needs_an_inline_script(http: httpx.AsyncClient, app: str, page: str) -> None:
    answer = await http.get(app + page)
    assert answer.status_code == 200
    allowed = directives(answer)
    assert (allowed["default-src"], allowed["script-src"]) == (["'none'"], ["'self'"])
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", answer.text, re.DOTALL)
    assert scripts
    assert [body for _, body in scripts if body.strip()] == []
    assert re.findall(r"\son\w+=", answer.text) == []
    for attributes, _ in scripts:
        [source] = re.findall(r'src="([^"]+)"', attributes)
        loaded = await http.get(str(httpx.URL(f"http://api{app}{page}").join(source)))
        assert loaded.status_code == 200, source
        assert "javascript" in loaded.headers["Content-Type"]


@pytest.mark.parametrize("app", APPS)
async def test_the_documentation_page_shows_the_document_beside_it(http: httpx.AsyncClient, app: str) -> None:
    script = (await http.get(f"{app}/docs.js")).text
    assert 'url: "openapi.json"' in script
    assert (await http.get(f"{app}/openapi.json")).json()["openapi"].startswith("3.")


async def test_plain_http_makes_no_promise_of_tls() -> None:
    async with serving_fakes() as client:
        assert "Strict-Transport-Security" not in (await client.get("/health/live")).headers


async def test_a_route_keeps_the_policy_it_sends_itself(http: httpx.AsyncClient) -> None:
    answer = await http.get("/dashboard")
    assert answer.headers.get_list("Content-Security-Policy") == [answer.headers["Content-Security-Policy"]]
    assert directives(answer)["script-src"] == ["'self'"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
