"""Changes of single products: what is sent, what every answer means, and that nothing is sent twice."""

from __future__ import annotations

import json
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.cardtrader import CardTraderClient, Gone, NewProduct, ProductChanges, Remark, errors
from clients.cardtrader.changes import alteration, creation
from clients.cardtrader.transport import encode
from clients.errors import ClientError
from domain.cards.products import BadProduct, Product
from tests.helpers.cardtrader_client import TOKEN, answering, make_client

BIG = 2**40
PROPERTIES: dict[str, bool | str] = {
    "condition": "Near Mint",
    "mtg_language": "zh-CN",
    "mtg_foil": False,
    "cmc": "5",
    "mtg_rarity": "Rare",
}
NEW = NewProduct(blueprint_id=121777, price_cents=275, quantity=3, properties=PROPERTIES, user_data_field="sku-77")
RESOURCE: dict[str, Any] = {
    "id": BIG, "quantity": 4, "bundle_size": 1, "description": None, "graded": 0, "blueprint_id": 121777,
    "price": {"cents": 275, "currency": "EUR"}, "properties": {"mtg_language": "it"}, "new_field": [],
}  # fmt: skip
OK = {"result": "ok", "warnings": {}, "resource": RESOURCE}

Change = Callable[[CardTraderClient], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "create": lambda client: client.products.create(NEW),
    "update": lambda client: client.products.update(7, ProductChanges(price_cents=1)),
    "delete": lambda client: client.products.delete(7),
    "increment": lambda client: client.products.increment(7, -1),
    "bulk": lambda client: client.bulk.destroy([7]),
}
every_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


class Recorder:
    """Keeps the requests; answers all of them the same."""

    def __init__(self, body: Any = OK, status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answering(status, body)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    @property
    def sent(self) -> tuple[str, str, Any]:
        (request,) = self.requests
        return request.method, request.url.path.removeprefix("/api/v2"), json.loads(request.content or b"null")


async def test_create_asks_strictly_and_sends_no_read_only_property() -> None:
    recorder = Recorder()
    made = await make_client(recorder).products.create(NEW)
    assert recorder.sent == ("POST", "/products", {
        "blueprint_id": 121777, "price": 2.75, "quantity": 3, "user_data_field": "sku-77", "error_mode": "strict",
        "properties": {"condition": "Near Mint", "mtg_language": "zh-CN", "mtg_foil": False},
    })  # fmt: skip
    assert recorder.requests[0].headers["Content-Type"] == "application/json"
    assert (made.id, made.quantity, made.price_cents, made.graded) == (BIG, 4, 275, False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"price_cents": 300}, {"price": 3.0}),
        ({"description": None}, {"description": None}),
        ({"graded": True, "user_data_field": ""}, {"graded": True, "user_data_field": ""}),
        ({"quantity": 0}, {"quantity": 0}),
        ({"properties": {"cmc": "5"}}, {}),
        ({"properties": PROPERTIES}, {"properties": {"condition": "Near Mint", "mtg_language": "zh-CN",
                                                     "mtg_foil": False}}),
    ],
)  # fmt: skip
async def test_update_sends_only_what_is_given(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    recorder = Recorder()
    await make_client(recorder).products.update(BIG, ProductChanges(**changes))
    assert recorder.sent == ("PUT", f"/products/{BIG}", expected)


@given(cents=st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_prices_leave_with_exactly_their_cents(cents: int) -> None:
    body = encode(alteration(ProductChanges(price_cents=cents)))
    assert json.loads(body, parse_float=Decimal)["price"] * 100 == cents
    assert len(body.partition(b".")[2]) == len("00}")


@given(st.dictionaries(st.sampled_from(["mtg_language", "condition", "mtg_foil", "cmc"]), st.text() | st.booleans()))
@settings(deadline=None)
def test_values_of_properties_leave_as_they_are(properties: dict[str, Any]) -> None:
    body = creation(NewProduct(blueprint_id=1, price_cents=1, quantity=1, properties=properties))
    sent = json.loads(encode(body)).get("properties", {})
    assert sent == {name: value for name, value in properties.items() if name != "cmc"}


EXPORTED = {
    "id": BIG, "quantity": 4, "blueprint_id": 121777, "price_cents": 275, "properties_hash": {"mtg_language": "it"},
    "graded": None, "user_data_field": "sku-77",
}  # fmt: skip


@pytest.mark.parametrize("resource", [RESOURCE, EXPORTED])
@pytest.mark.parametrize("warnings", [{}, [], None, {"properties": {}}])
async def test_both_shapes_of_a_product(resource: dict[str, Any], warnings: Any) -> None:
    body = {"result": "ok", "warnings": warnings, "resource": resource}
    made = await make_client(answering(201, body)).products.create(NEW)
    assert (made.id, made.price_cents, made.properties, made.ignored) == (BIG, 275, {"mtg_language": "it"}, ())


async def test_a_missing_value_is_not_zero() -> None:
    changed = await make_client(answering(200, {"result": "ok", "resource": {"id": 7}})).products.increment(7, -1)
    assert not isinstance(changed, Gone)
    assert (changed.quantity, changed.price_cents) == (None, None)


async def test_harmless_warnings_come_with_the_product() -> None:
    warnings = {"properties": {"cmc": ["Read only property cmc has been ignored"]}}
    body = {"result": "warning", "warnings": warnings, "resource": RESOURCE}
    changed = await make_client(answering(200, body)).products.update(7, ProductChanges(price_cents=1))
    assert changed.ignored == (Remark("cmc", "Read only property cmc has been ignored"),)


@pytest.mark.parametrize("name", ["condition", "mtg_language", "mtg_foil"])
async def test_a_grave_warning_is_a_refusal_that_names_the_product(name: str) -> None:
    body = {"result": "warning", "warnings": {"properties": {name: ["Not allowed value X"]}}, "resource": RESOURCE}
    with pytest.raises(errors.Refused, match=name) as caught:
        await make_client(answering(200, body)).products.create(NEW)
    assert (caught.value.fields, caught.value.product_id) == ((name,), BIG)


async def test_an_error_in_a_good_answer_is_a_refusal() -> None:
    body = {"result": "error", "errors": {"price": ["is too low"]}}
    with pytest.raises(errors.Refused) as caught:
        await make_client(answering(200, body)).products.update(7, ProductChanges(price_cents=1))
    assert (caught.value.remarks, caught.value.product_id) == ((Remark("price", "is too low"),), None)


SHAPES: list[tuple[Any, tuple[str, ...], str]] = [
    ({"error_code": "missing_parameter", "errors": [], "extra": {"message": "Missing required parameter(s) game_id"}},
     (), "missing_parameter"),
    ({"error_code": "validation_error", "errors": {"price": ["is too low"], "quantity": ["x"]}}, ("price", "quantity"),
     "validation_error"),
    ({"errors": ["Must have at least one item"]}, (), ""),
    ({"errors": [{"scheduler": "Another synchronization is in progress. Please retry later."}]}, ("scheduler",), ""),
]  # fmt: skip


@every_change
@pytest.mark.parametrize(("body", "fields", "code"), SHAPES)
async def test_the_error_shapes_are_refusals(change: Change, body: Any, fields: tuple[str, ...], code: str) -> None:
    recorder = Recorder(body, 422)
    with pytest.raises(errors.Refused) as caught:
        await change(make_client(recorder))
    assert (caught.value.fields, caught.value.error_code) == (fields, code)
    assert caught.value.remarks
    assert len(recorder.requests) == 1


@every_change
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(401, {"error_code": "unauthorized", "errors": []}, errors.TokenRejected), (403, b"blocked", errors.EdgeBlocked),
     (403, {"error_code": "forbidden"}, errors.AccessDenied), (429, {"error": "Too many"}, errors.RateLimited)],
)  # fmt: skip
async def test_not_accepted(change: Change, status: int, body: Any, expected: type[ClientError]) -> None:
    recorder = Recorder(body, status)
    with pytest.raises(expected):
        await change(make_client(recorder))
    assert len(recorder.requests) == 1


IN_DOUBT = {
    "500": (500, b"{}", "application/json", False),
    "503 text": (503, b"queue full", "text/plain", False),
    "502 page": (502, b"<!DOCTYPE html>", "text/html", False),
    "200 page": (200, b"<!DOCTYPE html>", "text/html", False),
    "404 page": (404, b"<!DOCTYPE html>", "text/html", False),
    "redirect": (302, b"", "text/plain", True),
    "cut": (200, b'{"result":"ok","resour', "application/json", True),
    "another shape": (200, b"[]", "application/json", True),
}


@every_change
@pytest.mark.parametrize("answer", IN_DOUBT.values(), ids=IN_DOUBT)
async def test_in_doubt(change: Change, answer: tuple[int, bytes, str, bool]) -> None:
    status, body, kind, healthy = answer
    journal: list[Any] = []
    with pytest.raises(errors.OutcomeUnknown):
        await change(make_client(answering(status, body, **{"Content-Type": kind}), journal))
    assert ("record", healthy) in journal
    assert [step[0] for step in journal] == ["general", "check", "record"]


@every_change
@pytest.mark.parametrize(
    ("fault", "expected"),
    [(httpx.ReadTimeout, errors.OutcomeUnknown), (httpx.WriteTimeout, errors.OutcomeUnknown),
     (httpx.ReadError, errors.OutcomeUnknown), (httpx.RemoteProtocolError, errors.OutcomeUnknown),
     (httpx.ConnectError, errors.Unavailable), (httpx.ConnectTimeout, errors.Unavailable),
     (httpx.PoolTimeout, errors.Unavailable)],
)  # fmt: skip
async def test_a_fault_leaves_doubt_once_the_request_is_on_its_way(
    change: Change, fault: type[httpx.TransportError], expected: type[ClientError]
) -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        raise fault(f"{TOKEN} at {request.url}")

    journal: list[Any] = []
    with pytest.raises(ClientError) as caught:
        await change(make_client(handler, journal))
    assert type(caught.value) is expected
    assert len(sent) == 1
    assert ("record", False) in journal
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_doubt_is_not_an_outage_that_may_be_waited_for() -> None:
    assert not issubclass(errors.OutcomeUnknown, errors.Unavailable)


@pytest.mark.parametrize("body", [b"", {"result": "queued"}, {"result": "ok", "resource": None}, {"resource": {}}])
@pytest.mark.parametrize("name", ["create", "update"])
async def test_an_answer_without_the_product_leaves_doubt(name: str, body: Any) -> None:
    with pytest.raises(errors.OutcomeUnknown):
        await CHANGES[name](make_client(answering(200, body)))


@pytest.mark.parametrize("body", [b"", {"result": "ok", "warnings": [], "resource": RESOURCE}, {"resource": {}}])
async def test_delete(body: Any) -> None:
    recorder = Recorder(body)
    assert await make_client(recorder).products.delete(7) == Gone(already=False)
    assert recorder.sent == ("DELETE", "/products/7", None)


NOT_FOUND = {"error_code": "not_found", "errors": [], "extra": {"message": "Resource not found"}}


async def test_what_is_gone_already_is_told_apart() -> None:
    client = make_client(answering(404, NOT_FOUND))
    assert await client.products.delete(7) == Gone(already=True)
    assert await client.products.increment(7, -1) == Gone(already=True)
    with pytest.raises(errors.NotFound):
        await client.products.update(7, ProductChanges(price_cents=1))


async def test_increment_sends_the_difference() -> None:
    recorder = Recorder()
    left = await make_client(recorder).products.increment(BIG, -2)
    assert recorder.sent == ("POST", f"/products/{BIG}/increment", {"delta_quantity": -2})
    assert not isinstance(left, Gone)
    assert left.quantity == 4


@pytest.mark.parametrize("resource", [None, {}, {"id": 7, "quantity": 0}, {"id": 7, "quantity": -1}])
async def test_the_last_copy_ends_the_product(resource: Any) -> None:
    client = make_client(answering(200, {"result": "ok", "resource": resource}))
    assert await client.products.increment(7, -1) == Gone(already=False)


async def test_an_increase_cannot_end_a_product() -> None:
    with pytest.raises(errors.OutcomeUnknown):
        await make_client(answering(200, {"result": "ok"})).products.increment(7, 1)


async def test_a_blueprint_is_read_row_by_row() -> None:
    recorder = Recorder([EXPORTED, EXPORTED | {"id": 8, "quantity": -1}])
    good, bad = await make_client(recorder).products.by_blueprint(121777)
    assert recorder.requests[0].url.query == b"blueprint_id=121777"
    assert recorder.requests[0].extensions["timeout"]["read"] == 180
    assert isinstance(good, Product)
    assert (good.id, good.user_data_field) == (BIG, "sku-77")
    assert isinstance(bad, BadProduct)
    assert bad.product_id == 8


@pytest.mark.parametrize("body", [{"products": []}, [EXPORTED, EXPORTED], [{"quantity": 1}], b"[{", b""])
async def test_what_is_not_a_list_of_products_is_never_an_empty_one(body: Any) -> None:
    with pytest.raises(errors.MalformedAnswer):
        await make_client(answering(200, body)).products.by_blueprint(1)
    assert await make_client(answering(200, [])).products.by_blueprint(1) == []
