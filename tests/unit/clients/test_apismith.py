"""Pages of APISmith: what is asked, what is read, and what every wrong answer becomes."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from clients.apismith import (
    Filter,
    Sort,
    SourcePage,
    SourceRejected,
    SourceUnavailable,
    SourceUnusable,
    _encode,
    _page,
    decode_rows,
)
from devstack.simulators.neighbour.faults import FaultSpec
from tests.helpers.neighbours import ErpHere

BY_KEY = Sort("item_number")


@pytest.fixture
def erp() -> ErpHere:
    return ErpHere()


def keys(page: SourcePage) -> list[object]:
    return [row["item_number"] for row in decode_rows(page.rows)]


async def every_key(erp: ErpHere, page_size: int) -> list[object]:
    """By keyset, as the bridge reads."""
    client, found = erp.client(), list[object]()
    while True:
        after = [Filter("item_number", ">", str(found[-1]))] if found else []
        page = await client.execute("items", page_size=page_size, filters=after, sort=BY_KEY)
        found += keys(page)
        if len(page.rows) < page_size:
            return found


async def test_a_page_has_its_rows_the_total_and_its_size(erp: ErpHere) -> None:
    page = await erp.client().execute("items", page_size=7, sort=BY_KEY)
    assert (len(page.rows), page.total) == (7, 40)
    assert page.size > sum(len(bytes(row)) for row in page.rows)


async def test_pages_by_number_and_by_key_are_the_same_rows(erp: ErpHere) -> None:
    client = erp.client()
    pages = [await client.execute("items", page=number, page_size=15, sort=BY_KEY) for number in (1, 2, 3)]
    assert [key for page in pages for key in keys(page)] == await every_key(erp, 15)
    assert len(set(await every_key(erp, 15))) == 40


@pytest.mark.parametrize("kind", ["rows_added", "rows_removed"])
async def test_by_key_no_row_that_stays_is_missed_or_met_twice_while_others_come_and_go(
    erp: ErpHere, kind: str
) -> None:
    before = await every_key(erp, 10)
    erp.break_with(FaultSpec.model_validate({"kind": kind, "rows": 2}))
    found, after = await every_key(erp, 10), erp.source.tables["items"]
    stayed = set(before) & {after.name(place).partition("=")[2] for place in range(len(after))}
    assert stayed <= set(found)
    assert len(found) == len(set(found))


async def test_filters_join_and_rowversions_are_numbers(erp: ErpHere) -> None:
    table = erp.source.tables["items"]
    changed = table.change([3, 20])
    since = str(int(table.rowversions.max()) - 1)
    page = await erp.client().execute("items", page_size=9, filters=[Filter("rowversion", ">=", since)], sort=BY_KEY)
    assert [f"item_number={key}" for key in keys(page)] == changed
    assert page.total == 2
    both = [Filter("rowversion", ">=", since), Filter("item_number", ">", str(keys(page)[0]))]
    assert (await erp.client().execute("items", page_size=9, filters=both, sort=BY_KEY)).total == 1


async def test_the_highest_rowversion_is_one_request(erp: ErpHere) -> None:
    page = await erp.client().execute("items", page_size=1, sort=Sort("rowversion", "desc"))
    assert decode_rows(page.rows)[0]["rowversion"] == int(erp.source.tables["items"].rowversions.max())


async def test_keys_of_two_fields_are_walked_field_by_field(erp: ErpHere) -> None:
    rows = decode_rows((await erp.client().execute("order_lines", page_size=100, sort=Sort("order_number"))).rows)
    first = str(rows[0]["order_number"])
    inside = [Filter("order_number", "=", first), Filter("line_number", ">", 10)]
    found = decode_rows(
        (await erp.client().execute("order_lines", page_size=100, filters=inside, sort=Sort("line_number"))).rows
    )
    assert found == [row for row in rows if row["order_number"] == first and row["line_number"] != 10]
    assert found


async def test_fractions_and_wide_integers_are_exact() -> None:
    row = msgspec.Raw(b'{"a":0.1000000000000000055511151231257827,"b":123456789012345678901234567890}')
    assert decode_rows([row]) == [
        {"a": Decimal("0.1000000000000000055511151231257827"), "b": 123456789012345678901234567890}
    ]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 502}, SourceUnavailable),
        ({"kind": "status", "status": 429}, SourceUnavailable),
        ({"kind": "page"}, SourceUnavailable),
        ({"kind": "no_success"}, SourceUnavailable),
        ({"kind": "garbage"}, SourceUnusable),
        ({"kind": "status", "status": 403}, SourceRejected),
        ({"kind": "status", "status": 404}, SourceRejected),
    ],
    ids=["502", "429", "html", "no success", "garbage", "403", "404"],
)
async def test_a_wrong_answer_becomes_its_error(erp: ErpHere, fault: dict[str, object], expected: type) -> None:
    erp.break_with(FaultSpec.model_validate(fault))
    with pytest.raises(expected):
        await erp.client().execute("items", page_size=5)


@pytest.mark.parametrize("kind", ["page", "garbage", "no_success"])
async def test_two_wrong_answers_are_passed_over(erp: ErpHere, kind: str) -> None:
    erp.break_with(FaultSpec.model_validate({"kind": kind, "count": 2}))
    assert len((await erp.client().execute("items", page_size=5)).rows) == 5


async def test_an_unknown_connector_is_rejected_and_not_asked_again(erp: ErpHere) -> None:
    with pytest.raises(SourceRejected) as refused:
        await erp.client().execute("a/../b", page_size=5)
    assert refused.value.status == 404
    assert sum(erp.source.doors.calls.values()) == 1


async def test_a_total_that_is_not_told_is_none(erp: ErpHere) -> None:
    erp.break_with(FaultSpec(kind="no_total"))
    assert (await erp.client().execute("items", page_size=5)).total is None


async def test_ping(erp: ErpHere) -> None:
    await erp.client().ping()
    erp.break_with(FaultSpec(kind="status"))
    with pytest.raises(SourceUnavailable):
        await erp.client().ping()


@pytest.mark.parametrize("text", [b"\\ud800", b"\xff"], ids=["half a surrogate", "no UTF-8"])
def test_a_text_that_is_no_unicode_does_not_cost_the_page(text: bytes) -> None:
    rows = [b'{"item_number":"1"}', b'{"item_number":"%b"}' % text]
    page = _page(b'{"success":true,"metadata":{"total_rows":2},"data":[%b]}' % b",".join(rows))
    assert ([bytes(row) for row in page.rows], page.total) == (rows, 2)


def test_fractional_keys_are_asked_for_as_numbers() -> None:
    assert _encode(Filter("price", ">", Decimal("1.50"))) == b'{"field":"price","operator":">","value":1.50}'
