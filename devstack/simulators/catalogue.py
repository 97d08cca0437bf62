"""A catalogue for the simulated market's blueprints: the four print tables the service maps products with.

Which table holds a blueprint follows from its game: One Piece `op_prints`, Pokémon `pk_prints`, sealed goods
`sealed_products`, every other game `cards_prints`. A few are missing, fewer are in two tables. All of it is a pure
function of the blueprint id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, Connection, Index, Integer, MetaData, String, Table, create_engine

from .cardtrader.blueprints import describe, mix, pick
from .cardtrader.games import GAMES, SEALED_TABLE

TABLES: Final = ("cards_prints", "op_prints", "pk_prints", "sealed_products")
_BATCH: Final = 10_000
_PER_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Placement:
    """Where blueprints 1..n are: `table` indexes TABLES, -1 for missing; `second` likewise, -1 unless ambiguous."""

    table: NDArray[np.int64]
    second: NDArray[np.int64]

    def ids_in(self, table: int) -> NDArray[np.int64]:
        """Blueprint ids in a table."""
        return np.flatnonzero((self.table == table) | (self.second == table)) + 1

    @property
    def missing(self) -> NDArray[np.int64]:
        """Blueprint ids the catalogue does not know."""
        return np.flatnonzero(self.table < 0) + 1

    @property
    def ambiguous(self) -> NDArray[np.int64]:
        """Blueprint ids in two tables."""
        return np.flatnonzero(self.second >= 0) + 1


def place(blueprints: int, missing: float = 0.003, ambiguous: float = 0.0005) -> Placement:
    """Where each of the blueprints 1..n belongs."""
    ids = np.arange(1, blueprints + 1)
    schema_tables = [TABLES.index(table) for game in GAMES for table in (game.print_table, SEALED_TABLE)]
    home = np.array(schema_tables)[describe(ids).schema]
    draw = pick(mix(ids, 11), 0, _PER_MILLION)
    is_missing = draw < missing * _PER_MILLION
    is_double = (draw >= _PER_MILLION * (1 - ambiguous)) & ~is_missing
    other = np.where(home == len(TABLES) - 1, 0, len(TABLES) - 1)
    return Placement(np.where(is_missing, -1, home), np.where(is_double, other, -1))


def build_catalogue(
    engine_url: str, blueprints: int, *, missing: float = 0.003, ambiguous: float = 0.0005
) -> Placement:
    """Create (anew) and fill the four tables at a SQLAlchemy URL, MySQL or SQLite; returns what is where."""
    placement = place(blueprints, missing, ambiguous)
    engine = create_engine(engine_url)
    metadata = MetaData()
    tables = [_table(name, metadata) for name in TABLES]
    try:
        with engine.begin() as connection:
            metadata.drop_all(connection)
            metadata.create_all(connection)
            for number, table in enumerate(tables):
                _fill(connection, table, placement.ids_in(number))
    finally:
        engine.dispose()
    return placement


def _table(name: str, metadata: MetaData) -> Table:
    return Table(
        name, metadata, Column("id", Integer, primary_key=True), Column("cardtrader_id", Integer),
        Column("name", String(255)), Index(f"ix_{name}_cardtrader_id", "cardtrader_id"), mysql_charset="utf8mb4",
    )  # fmt: skip


def _fill(connection: Connection, table: Table, ids: NDArray[np.int64]) -> None:
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        rows = zip(range(start + 1, start + 1 + len(batch)), batch.tolist(), describe(batch).plain_names, strict=True)
        connection.execute(
            table.insert(), [{"id": row, "cardtrader_id": number, "name": name} for row, number, name in rows]
        )
