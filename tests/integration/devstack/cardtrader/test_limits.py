"""Its limits, counted by itself."""

from __future__ import annotations

import httpx

from devstack.simulators.cardtrader.limits import fingerprint
from tests.helpers.cardtrader_simulator import TOKEN, answered


class TestLimits:
    async def test_429_is_a_bare_object_and_the_judge_counts_it(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await answered(await control.patch("/knobs", json={"general_limit": 3, "retry_after": 7}))
        answers = [await api.get("/info") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[3].json() == {"error": "Too many requests: max 3 requests per 10 seconds"}
        assert answers[3].headers["retry-after"] == "7"
        report = (await answered(await control.get("/limits")))[fingerprint(TOKEN)]
        assert (report["requests"], report["max_in_any_window"], report["refused_429"]) == (5, 5, 2)
        assert report["windows_over_limit"] == 2
