"""The mapping snapshot: its arithmetic against a plain model, and its life over an SQLite catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text

from clients.catalog import Catalog, CatalogSnapshot, CatalogUnavailable, catalog_engine
from domain.cards.mapping import NO_TABLE, PRINT_TABLES, MappingStatus

Rows = Sequence[tuple[int | str | None, int]]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fill(engine: Engine, tables: Mapping[str, Rows]) -> None:
    with engine.begin() as connection:
        for name, rows in tables.items():
            connection.execute(text(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, cardtrader_id)"))
            for blueprint, print_id in rows:
                statement = text(f"INSERT INTO {name} VALUES (:id, :blueprint)")  # noqa: S608 (names of this test)
                connection.execute(statement, {"id": print_id, "blueprint": blueprint})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'catalog.db'}")
    yield made
    made.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


parts = st.lists(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 99)), max_size=12), min_size=4, max_size=4
).filter(any)


@given(tables=parts, asked=st.lists(st.integers(-1, 14), max_size=30))
def test_lookup_agrees_with_a_plain_model(tables: list[list[tuple[int, int]]], asked: list[int]) -> None:
    arrays = [np.array(rows, np.int64).reshape(-1, 2) for rows in tables]
    answer = CatalogSnapshot.of(arrays).lookup(np.array(asked, np.int64))
    got = list(zip(answer.print_id.tolist(), answer.table.tolist(), answer.status.tolist(), strict=True))
    assert got == [_expected(tables, blueprint) for blueprint in asked]


def _expected(tables: list[list[tuple[int, int]]], blueprint: int) -> tuple[int, int, int]:
    matches = [(t, p) for t, rows in enumerate(tables) for b, p in rows if b == blueprint]
    if not matches:
        return 0, NO_TABLE, MappingStatus.MISSING
    first = min(matches)
    several = len({t for t, _ in matches}) > 1
    return first[1], first[0], MappingStatus.AMBIGUOUS if several else MappingStatus.MAPPED


async def test_a_catalogue_is_read_with_text_ids_nulls_and_absent_tables(engine: Engine) -> None:
    fill(engine, {"cards_prints": [(7, 1), (None, 2), ("9", 3)], "sealed_products": [(7, 5), (8, 6)]})
    answer = (await Catalog(engine).snapshot()).lookup(np.array([7, 8, 9, 10]))
    assert answer.print_id.tolist() == [1, 6, 3, 0]
    assert answer.table.tolist() == [0, PRINT_TABLES.index("sealed_products"), 0, NO_TABLE]
    assert answer.status.tolist() == [2, 1, 1, 0]


@pytest.mark.parametrize("tables", [{}, {"unrelated": [(1, 1)]}, {"cards_prints": [], "op_prints": [(None, 1)]}])
async def test_an_empty_catalogue_maps_nothing_and_says_so(engine: Engine, tables: dict[str, Rows]) -> None:
    fill(engine, tables)
    with pytest.raises(CatalogUnavailable, match="empty"):
        await Catalog(engine).snapshot()


async def test_an_outage_is_an_outage(tmp_path: Path) -> None:
    engine = catalog_engine(f"sqlite:///{tmp_path / 'nowhere' / 'secret.db'}")
    for call in (Catalog(engine).snapshot, Catalog(engine).ping):
        with pytest.raises(CatalogUnavailable) as caught:
            await call()
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None


async def test_junk_in_the_catalogue_is_an_outage(engine: Engine) -> None:
    fill(engine, {"cards_prints": [("not a number", 1)]})
    with pytest.raises(CatalogUnavailable):
        await Catalog(engine).snapshot()


async def test_callers_share_a_load_until_it_is_old(engine: Engine, clock: Clock) -> None:
    fill(engine, {"cards_prints": [(7, 1)]})
    catalog = Catalog(engine, ttl=60, clock=clock)
    first, *others = await asyncio.gather(*(catalog.snapshot() for _ in range(8)))
    assert all(other is first for other in others)
    clock.now += 61
    assert await catalog.snapshot() is not first


async def test_an_old_snapshot_serves_through_an_outage_for_a_bounded_time(engine: Engine, clock: Clock) -> None:
    fill(engine, {"cards_prints": [(7, 1)]})
    catalog = Catalog(engine, ttl=60, extra_age=1000, clock=clock)
    first = await catalog.snapshot()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE cards_prints RENAME TO gone"))
    clock.now += 61
    assert await catalog.snapshot() is first
    clock.now += 1000
    with pytest.raises(CatalogUnavailable):
        await catalog.snapshot()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO cards_prints"))
    assert len(await catalog.snapshot()) == 1


async def test_a_catalogue_that_is_down_is_not_asked_by_every_caller(engine: Engine, clock: Clock) -> None:
    fill(engine, {"cards_prints": [(7, 1)]})
    catalog = Catalog(engine, ttl=60, clock=clock)
    first = await catalog.snapshot()
    engine.dispose()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE cards_prints RENAME TO gone"))
    clock.now += 61
    assert await catalog.snapshot() is first
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO cards_prints"))
    clock.now += 10
    assert await catalog.snapshot() is first
    clock.now += 10
    assert await catalog.snapshot() is not first


async def test_ping(engine: Engine) -> None:
    await Catalog(engine).ping()
