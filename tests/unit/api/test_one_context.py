"""One context served alone is at the root, and nothing of the others is there."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from api.main import MOUNTED, create_app
from cli import servers
from tests.helpers.api import fake_services, opening, serving, settings_for_tests
from tests.helpers.bridge_api import as_role, fake_bridge
from tests.helpers.fake_api import CommandLine


async def test_the_bridge_alone_is_where_its_first_callers_look_for_it() -> None:
    app = create_app(settings_for_tests(), opening(fake_services(), bridge=fake_bridge()), only="bridge")
    async with serving(app) as http:
        assert (await http.get("/api/v1/health")).json()["service"] == "bridge-v2"
        assert (await http.get("/")).json()["docs"] == "/docs"
        assert (await http.get("/api/v1/docs")).headers["location"] == "/docs"
        assert (await http.get("/api/v1/entities", headers=as_role("reader"))).status_code == 503
        assert 'endpoint="/api/v1/entities"' in (await http.get("/metrics")).text
        for path in ("/bridge/api/v1/health", "/health/ready", "/api/v1/sync/inventory/x"):
            assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("name", ["cards", *MOUNTED])
def test_each_context_has_its_own_document(name: str) -> None:
    alone = create_app(settings_for_tests(), only=name).openapi()["paths"]
    assert "/metrics" in alone
    everything = create_app(settings_for_tests())
    assert not [path for path in alone if path.startswith(tuple(f"/{mounted}/" for mounted in MOUNTED))]
    if name == "cards":
        assert set(alone) == set(everything.openapi()["paths"])


@pytest.mark.parametrize(("app", "only"), [("all", None), ("cards", "cards"), ("bridge", "bridge")], ids=str)
def test_the_command_serves_what_was_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, app: str, only: str | None
) -> None:
    served: list[FastAPI] = []
    monkeypatch.setattr(servers, "serve", lambda chosen, *_place: served.append(chosen))
    monkeypatch.setattr(servers, "Settings", settings_for_tests)
    assert CommandLine(capsys)("api", "--app", app, "--port", 8008).code == 0
    assert served[0].title == create_app(settings_for_tests(), only=only).title
    assert len(served[0].routes) == len(create_app(settings_for_tests(), only=only).routes)
