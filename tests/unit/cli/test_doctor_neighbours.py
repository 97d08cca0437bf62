"""What the doctor says of the bridge's neighbours."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cli.doctor.examination import Finding, examine
from cli.doctor.neighbours import NEIGHBOUR_CHECKS
from settings import Settings
from tests.helpers.neighbours import ErpHere, HubHere


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked takes no socket."""
    places = {"erp": ErpHere().http, "hub": HubHere().http}

    class Wire(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await places[request.url.host].send(request)

    client = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda: client(transport=Wire()))


async def findings(**settings: Any) -> list[Finding]:
    return await examine(Settings(environment="test", _env_file=None, **settings), NEIGHBOUR_CHECKS)


async def test_who_does_not_use_the_bridge_has_nothing_to_mend() -> None:
    assert {finding.level for finding in await findings(apismith_url="", schedulehub_url="")} == {"ok"}


@pytest.mark.usefixtures("both")
async def test_neighbours_that_let_us_in_are_well() -> None:
    token = {"apismith_token": "simulator-token", "schedulehub_token": "simulator-token"}
    found = await findings(apismith_url="http://erp", schedulehub_url="http://hub", **token)
    assert [(finding.name, finding.level) for finding in found] == [("APISmith", "ok"), ("ScheduleHub", "ok")]


@pytest.mark.usefixtures("both")
async def test_a_wrong_token_is_told_with_its_remedy() -> None:
    [erp, _] = await findings(apismith_url="http://erp", apismith_token="wrong")
    assert (erp.level, erp.detail) == ("warning", "APISmith does not accept our credentials.")
    assert "APISMITH_" in erp.remedy
