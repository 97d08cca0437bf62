"""The catalogue as it is in production: a MySQL server, streamed, with sessions that cannot write."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from clients.catalog import Catalog, CatalogUnavailable, catalog_engine


async def test_mysql_is_streamed_and_cannot_be_written(mariadb_url: str) -> None:
    await asyncio.to_thread(_fill, mariadb_url)
    engine = catalog_engine(mariadb_url)
    catalog = Catalog(engine, ttl=0)
    await catalog.ping()
    snapshot = await catalog.snapshot()
    answer = snapshot.lookup(np.array([1, 50_000, 60_001]))
    assert len(snapshot) == 60_000
    assert (answer.print_id.tolist(), answer.status.tolist()) == ([1, 50_000, 0], [2, 1, 0])
    with engine.connect() as connection, pytest.raises(SQLAlchemyError):
        connection.execute(text("DELETE FROM cards_prints"))
    engine.dispose()


async def test_a_server_that_is_gone_is_an_outage(mariadb_url: str) -> None:
    host = mariadb_url.rpartition("@")[2].partition(":")[0]
    engine = catalog_engine(f"mysql+pymysql://someone@{host}:9/catalog")
    with pytest.raises(CatalogUnavailable):
        await Catalog(engine).snapshot()


def _fill(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE cards_prints (id BIGINT PRIMARY KEY, cardtrader_id VARCHAR(20))"))
        connection.execute(text("CREATE TABLE op_prints (id BIGINT PRIMARY KEY, cardtrader_id BIGINT)"))
        connection.execute(text("INSERT INTO cards_prints SELECT seq, seq FROM seq_1_to_60000"))
        connection.execute(text("INSERT INTO op_prints VALUES (7, 1)"))
    engine.dispose()
