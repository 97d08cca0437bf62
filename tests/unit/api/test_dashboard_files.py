"""The dashboard's files: what is served, with which headers, and what must not be in them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from api.dashboard.router import PAGE, load
from tests.helpers.api import serving_fakes

FILES = load()
TEXTS = {name: file.content.decode() for name, file in FILES.items()}
# What parses data as HTML or as a program, or keeps what must end with the tab.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser|localStorage|cookie"
)


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with serving_fakes() as client:
        yield client


async def test_the_page_is_open_careful_and_asked_for_again_only_when_it_changed(http: httpx.AsyncClient) -> None:
    answer = await http.get("/dashboard")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text == TEXTS[PAGE]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-cache"
    again = await http.get("/dashboard", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    slash = await http.get("/dashboard/")
    assert (slash.status_code, slash.headers["location"]) == (307, "../dashboard")


@pytest.mark.parametrize("name", sorted(set(FILES) - {PAGE}))
async def test_every_file_is_served_with_its_type(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/dashboard/{name}")
    assert (answer.status_code, answer.content) == (200, FILES[name].content)
    kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.rpartition(".")[2]]
    assert answer.headers["content-type"].startswith(kind)
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "name", ["router.py", "..%2Frouter.py", "%2e%2e%2frouter.py", PAGE, "none.js", "static%2Fapp.js"]
)
async def test_nothing_else_is_served(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.get(f"/dashboard/{name}")).status_code == 404


def test_the_page_holds_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = TEXTS[PAGE]
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page) == []
    assert [file for file in TEXTS if re.search(r"https?://(?!www\.w3\.org)|url\(|@import", TEXTS[file])] == []


def test_what_the_files_name_is_there() -> None:
    named = set(re.findall(r'(?:src|href)="dashboard/([^"]+)"', TEXTS[PAGE]))
    imported = {name for text in TEXTS.values() for name in re.findall(r'from "\./([\w.]+)"', text)}
    assert named | imported | {PAGE} == set(FILES)
    ids = set(re.findall(r'\bid="([\w-]+)"', TEXTS[PAGE]))
    asked = {name for text in TEXTS.values() for name in re.findall(r'byId\("([\w-]+)"\)', text)}
    assert asked <= ids


@pytest.mark.parametrize("name", [name for name in sorted(FILES) if name.endswith(".js")])
def test_a_module_parses_no_data_as_html_and_is_small(name: str) -> None:
    assert FORBIDDEN.findall(TEXTS[name]) == []
    assert TEXTS[name].startswith("/**")
    assert TEXTS[name].count("\n") < 200
