"""The generated catalogue in a real MariaDB."""

from __future__ import annotations

import time

from sqlalchemy import create_engine, text

from devstack.simulators.catalogue import TABLES, build_catalogue


def test_hundred_thousand_blueprints(mysql_url: str) -> None:
    started = time.monotonic()
    placement = build_catalogue(mysql_url, 100_000)
    seconds = time.monotonic() - started

    engine = create_engine(mysql_url)
    with engine.connect() as connection:
        counts = [connection.scalar(text(f"SELECT count(DISTINCT cardtrader_id) FROM {name}")) for name in TABLES]  # noqa: S608 - constants
        name = connection.scalar(text("SELECT name FROM cards_prints WHERE name LIKE '%白龍%' LIMIT 1"))
    engine.dispose()
    assert counts == [len(placement.ids_in(number)) for number in range(len(TABLES))]
    assert name
    assert seconds < 60
