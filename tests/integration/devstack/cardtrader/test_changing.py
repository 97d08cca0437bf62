"""Products put, added, changed in bulk and deleted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.helpers.cardtrader_simulator import answered, books, export, magic
from tests.helpers.waiting import eventually


class TestChanging:
    async def test_create_then_merge(self, api: httpx.AsyncClient) -> None:
        product = await magic(api)
        body = {
            "blueprint_id": product["blueprint_id"], "price": 2.75, "quantity": 2, "description": "new",
            "properties": {"condition": "Poor", "mtg_language": "ru", "signed": True, "altered": True},
        }  # fmt: skip
        first = await answered(await api.post("/products", json=body))
        second = await answered(await api.post("/products", json=body))
        assert first["result"] == "ok"
        assert first["resource"]["price"] == {"cents": 275, "currency": "EUR"}
        assert first["resource"]["id"] > 2**31
        assert (second["resource"]["id"], second["resource"]["quantity"]) == (first["resource"]["id"], 4)
        row = next(row for row in await export(api) if row["id"] == first["resource"]["id"])
        assert (row["quantity"], row["description"], row["properties_hash"]["mtg_language"]) == (4, "new", "ru")

    async def test_warnings_and_strict_mode(self, api: httpx.AsyncClient) -> None:
        product = await magic(api)
        path = f"/products/{product['id']}"
        body: dict[str, Any] = {"price": 1, "properties": {"cmc": "9", "mtg_language": "French", "condition": "Played"}}
        strict = await answered(await api.put(path, json={**body, "error_mode": "strict"}), 422)
        assert len(strict["errors"]["properties"]) == 2
        assert await export(api, blueprint_id=product["blueprint_id"]) == [
            row for row in await export(api) if row["blueprint_id"] == product["blueprint_id"]
        ]
        loose = await answered(await api.put(path, json=body))
        assert loose["result"] == "warning"
        assert loose["warnings"]["properties"] == {
            "cmc": ["Read only property cmc has been ignored"],
            "mtg_language": ["Not allowed value French for mtg_language has been ignored"],
        }
        assert loose["resource"]["properties"]["condition"] == "Played"
        assert loose["resource"]["properties"]["mtg_language"] == product["properties_hash"]["mtg_language"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"price": -1}, "price"), ({"price": "2"}, "price"), ({"quantity": 1.5}, "quantity"),
         ({"description": 3}, "description"), ({"properties": []}, "properties")],
    )  # fmt: skip
    async def test_bad_values_change_nothing(self, api: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
        before = await export(api)
        answer = await answered(await api.put(f"/products/{before[0]['id']}", json=body), 422)
        assert set(answer["errors"]) == {field}
        assert await export(api) == before

    async def test_increment_deletes_at_zero(self, api: httpx.AsyncClient) -> None:
        product = next(row for row in await export(api) if row["quantity"] > 1)
        path = f"/products/{product['id']}"
        lowered = await answered(await api.post(f"{path}/increment", json={"delta_quantity": -1}))
        assert lowered["resource"]["quantity"] == product["quantity"] - 1
        await answered(await api.post(f"{path}/increment", json={"delta_quantity": -99}))
        assert product["id"] not in {row["id"] for row in await export(api)}
        await answered(await api.post(f"{path}/increment", json={"delta_quantity": 1}), 404)
        await answered(await api.delete(path), 404)

    @pytest.mark.parametrize(("knob", "status", "left"), [("delete", 200, None), ("reject", 422, 1), ("keep", 200, 0)])
    async def test_quantity_zero_is_a_knob(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient, knob: str, status: int, left: int | None
    ) -> None:
        await answered(await control.patch("/knobs", json={"zero_quantity": knob}))
        product = next(row for row in await export(api) if row["quantity"] == 1)
        await answered(await api.put(f"/products/{product['id']}", json={"quantity": 0}), status)
        assert {row["id"]: row["quantity"] for row in await export(api)}.get(product["id"]) == left

    async def test_bulk_job_reports_every_item(self, api: httpx.AsyncClient) -> None:
        first, second = (await export(api))[:2]
        items = [
            {"id": first["id"], "price": 9.99},
            {"id": 1, "price": 1},
            {"price": 1},
            {"id": second["id"], "price": 0},
        ]
        job_id = (await answered(await api.post("/products/bulk_update", json={"products": items}), 202))["job"]

        async def finished() -> dict[str, Any]:
            job: dict[str, Any] = (await api.get(f"/jobs/{job_id}")).json()
            assert job["state"] == "completed"
            return job

        job = await eventually(finished)
        assert job["stats"] == {"ok": 1, "warning": 0, "error": 3}
        assert job["results"][0] == {"result": "ok", "job_index": 0, "product_id": first["id"]}
        assert [result["job_index"] for result in job["results"]] == [0, 1, 2, 3]
        assert all("product_id" not in result for result in job["results"][1:])
        assert (await export(api))[0]["price_cents"] == 999
        assert (await answered(await api.get("/jobs/nonsense")))["state"] == "unknown"

    async def test_bulk_create_and_destroy(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await answered(await control.patch("/knobs", json={"bulk_max": 2}))
        too_many = await answered(await api.post("/products/bulk_create", json={"products": [{}, {}, {}]}), 422)
        assert list(too_many) == ["errors"]
        before = await books(control)
        doomed = {"products": [{"id": product_id} for product_id in list(before)[:2]]}
        await answered(await api.post("/products/bulk_destroy", json=doomed), 202)

        async def gone() -> None:
            assert len(await books(control)) == len(before) - 2

        await eventually(gone)
