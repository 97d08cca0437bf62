"""What operators ask: is the schema up to date, and what was logged last?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
import structlog
from sqlalchemy import text

from api.main import create_app
from db.migrate import newest_revision
from db.session import Database
from tests.helpers.api import PREFIX, bearer, error_of, fake_services, opening, serving, settings_for_tests, token_for

INDEX = "idx_inventory_user_blueprint_external"
OPERATOR = bearer(token_for(uuid4(), roles=["operator"]))


@pytest.fixture
async def http(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application on a database of its own."""
    services = fake_services(Database.connect(database_url))
    async with serving(create_app(settings_for_tests(), opening(services))) as client:
        yield client


async def execute(database_url: str, *statements: str) -> None:
    database = Database.connect(database_url)
    async with database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await database.close()


async def test_a_good_schema_is_reported_as_often_as_one_asks(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await http.post(f"{PREFIX}/migrate/composite-index", headers=OPERATOR)
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "status": "success",
                "message": "The composite index exists and is valid",
                "index_name": INDEX,
                "columns": ["user_id", "blueprint_id", "external_stock_id"],
                "revision": newest_revision(),
            },
        )


@pytest.mark.parametrize(
    "damage",
    [
        f"DROP INDEX {INDEX}",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{INDEX}'::regclass",  # noqa: S608 - a constant
        f"DROP INDEX {INDEX}; CREATE INDEX {INDEX} ON user_inventory_items (user_id, blueprint_id, external_stock_id)",
        f"DROP INDEX {INDEX}; CREATE UNIQUE INDEX {INDEX} ON user_inventory_items (user_id, id)",
        "UPDATE alembic_version SET version_num = '0001'",
        "DROP TABLE alembic_version",
        "DROP TABLE user_inventory_items CASCADE",
    ],
)
async def test_a_damaged_schema_is_an_error(http: httpx.AsyncClient, database_url: str, damage: str) -> None:
    await execute(database_url, *damage.split("; "))
    error = error_of(await http.post(f"{PREFIX}/migrate/composite-index", headers=OPERATOR), 500)
    assert (error["code"], error["context"]["wanted"]) == ("DATABASE_ERROR", newest_revision())
    assert "python -m cli migrate" in error["message"]


async def test_the_last_records_come_first_and_without_secrets(http: httpx.AsyncClient) -> None:
    log = structlog.get_logger("ours")
    log.warning("first", user_id="u", cardtrader_token="ct-secret-4711")
    log.warning("second")
    body = (await http.get(f"{PREFIX}/debug-logs", headers=OPERATOR, params={"limit": 2})).json()
    assert [(line["event"], line["logger"], line["level"]) for line in body["logs"]] == [
        ("second", "ours", "warning"),
        ("first", "ours", "warning"),
    ]
    assert body["logs"][1]["fields"] == {"user_id": "u", "cardtrader_token": "[redacted]"}
    assert (body["limit"], body["total"] >= 2) == (2, True)


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (5000, 1000)])
async def test_the_limit_is_clamped(http: httpx.AsyncClient, asked: int, given: int) -> None:
    body = (await http.get(f"{PREFIX}/debug-logs", headers=OPERATOR, params={"limit": asked})).json()
    assert body["limit"] == given
