"""Delta: the table of docs/pipeline.md, and its laws: order, repetition, duplicates, cuts into pages."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import from_rows
from domain.pipeline.config import Entity, Rowversion, RowversionKind, Source
from domain.pipeline.delta import STORED, Decision
from domain.pipeline.page import Outcome, run_page

ERP = Source(name="erp")
ITEMS = Entity(name="items", key=("k",), rowversion=Rowversion(field="v", kind="integer"))
Row = dict[str, object]


@dataclass
class State:
    """`record_state` in memory: what the workflow's track stage does with decisions."""

    entity: Entity = ITEMS
    rows: dict[bytes, dict[str, object]] = field(default_factory=dict)
    told: dict[bytes, Row] = field(default_factory=dict)

    def page(self, rows: list[Row]) -> Outcome:
        outcome = run_page(from_rows(rows), self.entity, ERP, self.lookup)
        told, page = outcome.to_tell, outcome.page.rows
        for row in told.arg_true():
            key = page.key[row]
            self.rows[key] = {"key": key, "data": page.data[row], "rowversion": page.rowversion[row], "deleted": False}
            self.rows[key]["in_batch"] = True
            self.told[key] = rows[row]
        for key in page.key.filter(outcome.rows("unchanged")):
            self.rows[key]["in_batch"] = True
        assert outcome.metrics().conserved
        return outcome

    def lookup(self, keys: pl.Series) -> pl.DataFrame:
        return pl.DataFrame([self.rows[key] for key in keys if key in self.rows], schema=STORED)

    def batch(self, *pages: list[Row]) -> list[list[Decision]]:
        for row in self.rows.values():
            row["in_batch"] = False
        return [self.page(rows).decisions.to_list() for rows in pages]


def row(key: str, version: object, value: object = "x") -> Row:
    return {"k": key, "v": version, "a": value}


@pytest.mark.parametrize(
    ("before", "after", "decision"),
    [
        (None, row("a", 1), "insert"),
        (row("a", 1), row("a", 2), "update"),
        (row("a", 1), row("a", 1), "unchanged"),
        (row("a", 1), row("a", 1, "y"), "update"),
        (row("a", 9), row("a", 10), "update"),
        (row("a", 2), row("a", 1, "y"), "outdated"),
        (row("a", 9007199254740993), row("a", 9007199254740992, "y"), "outdated"),
        (row("a", None), row("a", 1), "unchanged"),
        (row("a", 1), row("a", None), "unchanged"),
        (row("a", 1), row("a", None, "y"), "update"),
        (row("a", None), row("a", None, "y"), "update"),
        (row("b", 1), row("a", 1), "insert"),
        (row("a", 1), row("a", "soon", "y"), "failed"),
        (row("a", 1), {"v": 2}, "failed"),
    ],
)
def test_the_table(before: Row | None, after: Row, decision: Decision) -> None:
    state = State()
    if before is not None:
        state.batch([before])
    assert state.batch([after]) == [[decision]]


def test_a_deleted_row_that_returns_is_inserted_whatever_its_rowversion() -> None:
    state = State()
    state.batch([row("a", 5)])
    for stored in state.rows.values():
        stored["deleted"] = True
    assert state.batch([row("a", 4)]) == [["insert"]]


def test_the_last_of_a_key_stands() -> None:
    assert State().batch([row("a", 2), row("b", 1), row("a", 3), row("a", None), row("a", 1)]) == [
        ["superseded", "insert", "insert", "superseded", "superseded"]
    ]
    assert State().batch([row("a", 1, "x"), row("a", 1, "y")]) == [["superseded", "insert"]]


def test_the_last_of_a_key_stands_over_pages() -> None:
    state = State()
    assert state.batch([row("a", 2)], [row("a", 1)], [row("a", None, "y")], [row("a", 3)]) == [
        ["insert"],
        ["superseded"],
        ["superseded"],
        ["update"],
    ]
    assert State().batch([row("a", None)], [row("a", 1)]) == [["insert"], ["update"]]


def test_a_failed_row_supersedes_none() -> None:
    assert State().batch([row("a", 1), row("a", "soon")]) == [["insert", "failed"]]


def test_a_failed_row_is_seen_and_not_told() -> None:
    outcome = State().page([row("a", "soon"), {"v": 1}])
    assert outcome.page.keys.len() == 1
    assert outcome.to_tell.to_list() == [False, False]


def versions(kind: RowversionKind) -> st.SearchStrategy[str | None]:
    by_kind: dict[RowversionKind, st.SearchStrategy[str]] = {
        "integer": st.integers(0, 12).map(str),
        "hex": st.integers(0, 300).map(hex),
        "timestamp": st.datetimes().map(str) | st.datetimes().map(lambda moment: f"{moment.isoformat()}+02:00"),
        "text": st.text(max_size=2),
    }
    return st.none() | by_kind[kind]


@st.composite
def batches(draw: st.DrawFn) -> tuple[Entity, list[Row]]:
    kind: RowversionKind = draw(st.sampled_from(["integer", "hex", "timestamp", "text"]))
    rows = st.lists(st.builds(row, st.sampled_from("abc"), versions(kind), st.sampled_from("xyz")), max_size=8)
    entity = msgspec.structs.replace(ITEMS, rowversion=Rowversion(field="v", kind=kind))
    return entity, draw(rows)


def contents(state: State) -> dict[bytes, object]:
    return {key: (known["data"], known["rowversion"]) for key, known in state.rows.items()}


@settings(deadline=None, max_examples=20)
@given(batches())
def test_a_repeated_batch_changes_nothing(batch: tuple[Entity, list[Row]]) -> None:
    entity, rows = batch
    state = State(entity)
    state.batch(rows)
    before = contents(state)
    again = state.batch(rows)[0]
    assert contents(state) == before
    assert not {"insert", "update"} & set(again)


@settings(deadline=None, max_examples=20)
@given(batches(), st.integers(0, 8))
def test_cutting_a_batch_into_pages_gives_the_same_state(batch: tuple[Entity, list[Row]], cut: int) -> None:
    entity, rows = batch
    whole, parts = State(entity), State(entity)
    whole.batch(rows)
    parts.batch(rows[:cut], rows[cut:])
    assert {key: known["data"] for key, known in whole.rows.items()} == {
        key: known["data"] for key, known in parts.rows.items()
    }


@settings(deadline=None, max_examples=20)
@given(batches(), st.randoms())
def test_the_order_of_rows_does_not_matter_where_rowversions_differ(
    batch: tuple[Entity, list[Row]], random: object
) -> None:
    entity, rows = batch
    distinct = list({(one["k"], one["v"]): one for one in rows}.values())
    shuffled = sorted(distinct, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = State(entity), State(entity)
    one.batch(distinct)
    other.batch(shuffled)
    if _orders_differ(entity, distinct):
        assert one.told == other.told


def _orders_differ(entity: Entity, rows: list[Row]) -> bool:
    """Whether no two rows of one key have rowversions that are spelled differently and equal."""
    page = run_page(from_rows(rows), entity, ERP, State(entity).lookup).page.rows
    pairs = list(zip(page.key.to_list(), page.order.to_list(), strict=True))
    return len(set(pairs)) == len(pairs)


NUMBERED = st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 5), st.sampled_from("xyz"))


@settings(deadline=None, max_examples=40)
@given(st.lists(NUMBERED, max_size=8), st.integers(0, 8))
def test_of_duplicates_the_last_of_the_highest_rowversion_stands_and_every_other_is_told_as_such(
    told: list[tuple[str, int | None, str]], cut: int
) -> None:
    """Against plain Python: in one page, or over two, the same rows stand."""
    entity = msgspec.structs.replace(ITEMS, rowversion=Rowversion(field="v", kind="integer"))
    rows = [row(name, None if version is None else str(version), content) for name, version, content in told]
    stands: dict[str, tuple[int, str]] = {}
    for name, version, content in told:
        age = -1 if version is None else version
        if name not in stands or age >= stands[name][0]:
            stands[name] = age, content
    for pages in ((rows,), (rows[:cut], rows[cut:])):
        state = State(entity)
        decisions = [decision for page in state.batch(*pages) for decision in page]
        wanted, other = (
            State(entity),
            [row(name, None if age < 0 else str(age), last) for name, (age, last) in stands.items()],
        )
        wanted.batch(other)
        assert contents(state) == contents(wanted)
        assert decisions.count("insert") == len(stands)
        if len(pages) == 1:
            assert decisions.count("superseded") == len(rows) - len(stands)


VERSIONED = st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.sampled_from("xyz"))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.lists(VERSIONED, max_size=4), max_size=4))
def test_no_later_batch_goes_back_to_an_older_rowversion(told: list[list[tuple[str, int, str]]]) -> None:
    state = State(msgspec.structs.replace(ITEMS, rowversion=Rowversion(field="v", kind="integer")))
    highest: dict[bytes, int] = {}
    for batch in told:
        state.batch([row(name, str(version), content) for name, version, content in batch])
        for key, known in state.rows.items():
            assert int(str(known["rowversion"])) >= highest.get(key, -1)
            highest[key] = int(str(known["rowversion"]))
