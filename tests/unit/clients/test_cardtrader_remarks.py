"""What CardTrader says about changes: every shape is read, nothing unsafe is kept, grave warnings refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.cardtrader.remarks import Remark, Verdict, fields_of, judge, remarks_of

IGNORED = "Read only property {} has been ignored"
NOT_ALLOWED = "Not allowed value false for mtg_foil has been ignored"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, []),
        ({}, []),
        ([], []),
        ({"properties": {}}, []),
        ({"properties": None}, []),
        ({"blueprint_id": ["Blueprint cant be blank"]}, [Remark("blueprint_id", "Blueprint cant be blank")]),
        ({"price": "is too low"}, [Remark("price", "is too low")]),
        (["Must have at least one item"], [Remark("", "Must have at least one item")]),
        ("Not found", [Remark("", "Not found")]),
        ([{"scheduler": "Another synchronization is in progress. Please retry later."}],
         [Remark("scheduler", "Another synchronization is in progress. Please retry later.")]),
        ({"properties": {"cmc": [IGNORED.format("cmc")]}}, [Remark("cmc", IGNORED.format("cmc"))]),
        ({"properties": [NOT_ALLOWED]}, [Remark("mtg_foil", NOT_ALLOWED)]),
        ([IGNORED.format("mtg_rarity")], [Remark("mtg_rarity", IGNORED.format("mtg_rarity"))]),
        (["Condition is strange"], [Remark("condition", "Condition is strange")]),
        ({"condition": True, "price": 3}, [Remark("condition"), Remark("price")]),
        ({"a": [{"b": ["x"]}, "y"]}, [Remark("b", "x"), Remark("a", "y")]),
    ],
)  # fmt: skip
def test_every_shape(said: Any, expected: list[Remark]) -> None:
    assert list(remarks_of(said)) == expected


@pytest.mark.parametrize(
    "text",
    ["see https://elsewhere.test", "ask someone@example.test", "0123456789abcdef0123456789abcdef", "x\x00y",
     "<b>no</b>", "eyJhbGciOi.J9-secret_token.sig"],
)  # fmt: skip
def test_texts_that_may_hold_an_address_or_a_secret_are_dropped(text: str) -> None:
    assert remarks_of({"price": [text], text: ["fine"]}) == (Remark("price"), Remark("", "fine"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=30,
)


@given(said=JSON, result=st.sampled_from(["ok", "warning", "error", "", "queued"]))
@settings(deadline=None)
def test_nothing_is_unreadable(said: Any, result: str) -> None:
    remarks = remarks_of(said)
    assert len(remarks) <= 50
    assert all(len(remark.field) <= 32 and len(remark.text) <= 200 for remark in remarks)
    assert not {char for remark in remarks for char in remark.text + remark.field} & set('@:/<>\\"\n')
    assert judge(result, said, None).outcome in ("done", "refused", "unknown")
    # A refusal always has a reason, even where CardTrader gives none.
    assert judge("error", said, None).remarks


def test_depth_and_number_have_an_end() -> None:
    deep: Any = json.loads("[" * 400 + "]" * 400)
    assert remarks_of(deep) == (Remark(),)
    assert len(remarks_of(["x"] * 1000)) == 50


@pytest.mark.parametrize("name", ["condition", "mtg_language", "mtg_foil", "pokemon_reverse", "fab_foil_new"])
@pytest.mark.parametrize("result", ["ok", "warning"])
def test_an_ignored_condition_language_or_finish_is_a_refusal(result: str, name: str) -> None:
    verdict = judge(result, None, {"properties": {"cmc": ["ignored"], name: ["Not allowed value X"]}})
    assert (verdict.outcome, fields_of(verdict.remarks)) == ("refused", (name,))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (("ok", None, []), Verdict("done")),
        (("ok", [], {}), Verdict("done")),
        (("warning", None, {"properties": {"cmc": ["x"]}}), Verdict("done", (Remark("cmc", "x"),))),
        (("warning", None, []), Verdict("refused", (Remark(),))),
        (("warning", None, ["something was left out"]), Verdict("refused", (Remark("", "something was left out"),))),
        (("error", {"id": ["no"]}, None), Verdict("refused", (Remark("id", "no"),))),
        (("error", None, None), Verdict("refused", (Remark(),))),
        (("ok", {"id": ["no"]}, None), Verdict("unknown", (Remark("id", "no"),))),
        (("queued", None, None), Verdict("unknown")),
    ],
)
def test_verdicts(answer: tuple[str, Any, Any], expected: Verdict) -> None:
    assert judge(*answer) == expected
