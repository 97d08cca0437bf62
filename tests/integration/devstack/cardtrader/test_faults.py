"""The faults it can be asked for."""

from __future__ import annotations

import httpx
import pytest

from devstack.simulators.cardtrader.errors import ConnectionDropped
from tests.helpers.cardtrader_simulator import answered, export


class TestFaults:
    async def test_answers_of_the_edge(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        for fault in (
            {"kind": "status", "status": 502, "count": 1}, {"kind": "cloudflare", "count": 1},
            {"kind": "too_many", "count": 1}, {"kind": "status", "status": 503, "body": "text", "count": 1},
        ):  # fmt: skip
            await answered(await control.post("/faults", json=fault), 201)
        answers = [await api.get("/info") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [429, 403, 502, 503, 200]
        assert set(answers[0].json()) == {"error"}
        assert answers[2].text.startswith("<!DOCTYPE html>")
        assert [state["fired"] for state in await answered(await control.get("/faults"))] == [1, 1, 1, 1]

    async def test_filters_and_probability(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        fault = {"kind": "status", "probability": 0.5, "seed": 1, "path": "^/games$", "method": "GET"}
        await answered(await control.post("/faults", json=fault), 201)
        hits = [(await api.get("/games")).status_code == 502 for _ in range(40)]
        assert 8 < sum(hits) < 32
        assert (await api.get("/info")).status_code == 200

    @pytest.mark.parametrize(("kind", "is_done"), [("lost_answer", True), ("drop_request", False)])
    async def test_answer_lost_after_the_change_was_made(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient, kind: str, is_done: bool
    ) -> None:
        product = (await export(api))[0]
        await answered(await control.post("/faults", json={"kind": kind, "count": 1}), 201)
        with pytest.raises(ConnectionDropped):
            await api.post(f"/products/{product['id']}/increment", json={"delta_quantity": 5})
        found = (await answered(await control.get("/products", params={"ids": product["id"]})))[0]
        assert found["quantity"] == product["quantity"] + 5 * is_done

    async def test_cleanly_cut_json(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        whole = (await api.get("/products/export")).content
        await answered(await control.post("/faults", json={"kind": "truncated", "clean": True, "at_byte": 5000}), 201)
        for encoding in ("gzip", "identity"):
            cut = await api.get("/products/export", headers={"Accept-Encoding": encoding})
            assert cut.status_code == 200
            assert cut.content == whole[:5000]

    @pytest.mark.parametrize(
        ("kind", "text"), [("empty", b"[]"), ("non_array", b'{"status":"processing","products":null}')]
    )
    async def test_wrong_exports(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient, kind: str, text: bytes
    ) -> None:
        await answered(await control.post("/faults", json={"kind": kind, "count": 1}), 201)
        assert (await api.get("/products/export")).content == text
        assert len(await export(api)) == 600

    async def test_duplicate_and_poisoned_rows(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await answered(await control.post("/faults", json={"kind": "duplicate_rows", "rows": 5, "count": 1}), 201)
        rows = await export(api)
        assert (len(rows), len({row["id"] for row in rows})) == (605, 600)
        for defect, is_wrong in {
            "negative_quantity": lambda row: row["quantity"] < 0, "missing_price": lambda row: "price_cents" not in row,
            "properties_not_object": lambda row: isinstance(row["properties_hash"], str),
            "blueprint_null": lambda row: row["blueprint_id"] is None, "missing_id": lambda row: "id" not in row,
        }.items():  # fmt: skip
            fault = {"kind": "poisoned", "rows": 3, "defects": [defect], "count": 1}
            await answered(await control.post("/faults", json=fault), 201)
            assert sum(map(is_wrong, await export(api))) == 3

    async def test_sealed_expansions_fail_alone(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await answered(await control.post("/faults", json={"kind": "sealed_expansions_failing", "status": 500}), 201)
        held = await answered(await api.get("/expansions/export"))
        codes = {row["code"]: (await api.get("/products/export", params={"expansion_id": row["id"]})) for row in held}
        assert {answer.status_code for code, answer in codes.items() if code >= "s36"} <= {500}
        assert {answer.status_code for code, answer in codes.items() if code < "s36"} == {200}

    async def test_unknown_fault_settings_are_refused(self, control: httpx.AsyncClient) -> None:
        assert (await control.post("/faults", json={"kind": "nonsense"})).status_code == 422
        assert (await control.patch("/knobs", json={"nonsense": 1})).status_code == 422
