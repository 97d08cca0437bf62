"""What it answers, against reference/cardtrader.md."""

from __future__ import annotations

import httpx

from tests.helpers.cardtrader_simulator import TOKEN, answered, export


class TestReading:
    async def test_authorisation_comes_before_everything(self, api: httpx.AsyncClient) -> None:
        for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            body = await answered(await api.get("/no/such/route", headers=headers), 401)
            assert (body["error_code"], body["errors"]) == ("unauthorized", [])
        assert (await answered(await api.get("/no/such/route"), 404))["error_code"] == "not_found"

    async def test_info_and_webhook_address(self, api: httpx.AsyncClient) -> None:
        info = await answered(await api.get("/info"))
        assert info["user_id"] == 88123
        assert "webhook_url" not in info
        changed = await answered(await api.patch("/app", json={"webhook_url": "http://127.0.0.1:1/hook"}))
        assert changed["webhook_url"] == "http://127.0.0.1:1/hook"
        await answered(await api.patch("/app", json={"webhook_url": "https://example.test/hook"}), 422)

    async def test_catalogue(self, api: httpx.AsyncClient) -> None:
        assert (await answered(await api.get("/games")))["array"][0]["name"] == "Magic"
        singles = (await answered(await api.get("/categories", params={"game_id": "1"})))[0]
        assert {"condition", "mtg_foil", "cmc"} <= {item["name"] for item in singles["properties"]}
        assert (await answered(await api.get("/blueprints/export"), 422))["error_code"] == "missing_parameter"
        expansion_id = (await export(api))[0]["expansion"]["id"]
        blueprint = (await answered(await api.get("/blueprints/export", params={"expansion_id": expansion_id})))[0]
        assert blueprint["expansion_id"] == expansion_id
        defaults = {item["default_value"] for item in blueprint["editable_properties"] if item["type"] == "boolean"}
        assert defaults <= {"false", "true"}

    async def test_exports_of_all_expansions_and_of_none_add_up(self, api: httpx.AsyncClient) -> None:
        whole = await export(api)
        ids = [row["id"] for row in await answered(await api.get("/expansions/export"))]
        parts = [row for number in [*ids, "null"] for row in await export(api, expansion_id=number)]
        assert sorted(row["id"] for row in parts) == sorted(row["id"] for row in whole)
        blueprint_id = whole[0]["blueprint_id"]
        expected = [row for row in whole if row["blueprint_id"] == blueprint_id]
        assert await export(api, blueprint_id=blueprint_id) == expected

    async def test_identity_and_gzip_say_the_same(self, api: httpx.AsyncClient) -> None:
        plain = await api.get("/products/export", headers={"Accept-Encoding": "identity"})
        packed = await api.get("/products/export")
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert plain.content == packed.content

    async def test_marketplace_shows_the_cheapest(self, api: httpx.AsyncClient) -> None:
        product = (await export(api))[0]
        found = await answered(await api.get("/marketplace/products", params={"blueprint_id": product["blueprint_id"]}))
        prices = [row["price_cents"] for row in found[str(product["blueprint_id"])]]
        assert prices == sorted(prices)

    async def test_single_product_is_a_knob(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        product = (await export(api))[0]
        await answered(await api.get(f"/products/{product['id']}"), 404)
        await answered(await control.patch("/knobs", json={"get_product": True}))
        assert (await answered(await api.get(f"/products/{product['id']}")))["price"]["cents"] == product["price_cents"]
