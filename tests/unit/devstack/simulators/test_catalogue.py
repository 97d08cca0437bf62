"""The generated catalogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text

from devstack.simulators.cardtrader.blueprints import describe
from devstack.simulators.cardtrader.games import GAMES
from devstack.simulators.catalogue import TABLES, build_catalogue, place


def test_shares_and_determinism() -> None:
    placement = place(100_000)

    assert 200 < len(placement.missing) < 400
    assert 25 < len(placement.ambiguous) < 85
    assert np.array_equal(placement.table[:1000], place(1000).table)


def test_the_table_follows_the_game() -> None:
    placement, described = place(20_000, missing=0), describe(np.arange(1, 20_001))
    names = {game.name: index for index, game in enumerate(GAMES)}
    is_single = described.schema % 2 == 0

    assert set(placement.table[(described.game == names["Pokemon"]) & is_single]) == {TABLES.index("pk_prints")}
    assert set(placement.table[(described.game == names["OnePiece"]) & is_single]) == {TABLES.index("op_prints")}
    assert set(placement.table[~is_single]) == {TABLES.index("sealed_products")}


def test_sqlite_catalogue_holds_what_was_placed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalogue.db'}"
    placement = build_catalogue(url, 30_000)
    assert np.array_equal(build_catalogue(url, 30_000).table, placement.table)

    engine = create_engine(url)
    with engine.connect() as connection:
        for number, table in enumerate(TABLES):
            found = connection.execute(text(f"SELECT cardtrader_id FROM {table} ORDER BY 1")).scalars()  # noqa: S608 - a constant
            assert list(found) == placement.ids_in(number).tolist()
    engine.dispose()
