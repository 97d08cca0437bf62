"""The detailed health names what is missing, is a real 503 then, and asks the neighbours once in a while only."""

from __future__ import annotations

import pytest

from api.bridge.errors import HubUnavailable, SourceUnavailable
from api.bridge.recent import Recent
from api.probes import PingProbe
from tests.helpers.api import healthy_probes
from tests.helpers.bridge_api import PREFIX, fake_bridge, serving_bridge

PATH = f"{PREFIX}/monitoring/health/detailed"


async def test_all_well() -> None:
    async with serving_bridge() as http:
        answer = await http.get(PATH)
    assert (answer.status_code, answer.json()["status"], answer.json()["service"]) == (200, "healthy", "bridge-v2")


async def test_a_missing_neighbour_is_a_503_that_tells_nothing_of_it() -> None:
    asked = []

    async def unreachable() -> None:
        asked.append(1)
        raise OSError("http://10.0.0.7:8007 refused hunter2")

    async def refused() -> None:
        raise PermissionError("hunter2")

    checks = {
        "database": healthy_probes()["postgresql"],
        "apismith": PingProbe("APISmith", SourceUnavailable, unreachable),
        "schedulehub": PingProbe("ScheduleHub", HubUnavailable, refused),
    }
    async with serving_bridge(fake_bridge(checks=checks)) as http:
        answers = [await http.get(PATH) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503] * 3
    found = answers[0].json()["checks"]
    assert {name: check["code"] for name, check in found.items()} == {
        "database": None,
        "apismith": "SOURCE_UNAVAILABLE",
        "schedulehub": "HUB_UNAVAILABLE",
    }
    assert "hunter2" not in answers[0].text
    assert "10.0.0.7" not in answers[0].text
    assert len(asked) == 1


async def test_an_answer_is_kept_for_five_seconds_and_an_error_not_at_all() -> None:
    now, asked = [100.0], []
    recent = Recent[int](lambda: now[0])

    async def ask() -> int:
        asked.append(now[0])
        if len(asked) == 1:
            raise LookupError
        return len(asked)

    with pytest.raises(LookupError):
        await recent.get(ask)
    assert [await recent.get(ask) for _ in range(3)] == [2, 2, 2]
    now[0] = 104.9
    assert await recent.get(ask) == 2
    now[0] = 105.0
    assert await recent.get(ask) == 3
