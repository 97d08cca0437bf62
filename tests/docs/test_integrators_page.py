"""docs/integrators.md: what it tells to type and to send is typed and sent; every error is in its table."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import uvicorn
from sqlalchemy import insert, text

from api.main import create_app
from clients.callbacks import signing
from db.cards.tables import user_inventory_items
from db.session import Database
from devstack.ports import free_port
from tests.helpers.api import PREFIX, fake_services, opening, settings_for_tests, token_for
from tests.helpers.error_table import error_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "integrators.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
USER = UUID("8f14e45f-ceea-467f-9b51-3d1f1a6c0b10")


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def environment(database: Database) -> AsyncIterator[dict[str, str]]:
    """The application on a port, its database real, CardTrader and Temporal played; what the page tells to export."""
    app = create_app(settings_for_tests(), opening(fake_services(database)))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, access_log=False, log_config=None))
    serving = asyncio.create_task(server.serve())
    yield {
        "PATH": os.environ["PATH"],
        "BRX_API_URL": f"http://127.0.0.1:{port}",
        "BRX_TOKEN": token_for(USER),
        "USER_ID": str(USER),
        "CARDTRADER_TOKEN": "ct-token-4711",
        "SHARED_SECRET": "shared-secret-of-the-app",
    }
    server.should_exit = True
    await serving


async def typed(*argv: str, environment: dict[str, str]) -> str:
    """Its output; the exit code must be 0."""
    process = await asyncio.create_subprocess_exec(
        *argv, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, (argv[-1], output, errors)
    return output.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_examples_are_answered_one_after_the_other(environment: dict[str, str], database: Database) -> None:
    link, *others = SHELL
    assert '"status":"success"' in await typed("bash", "-euc", link, environment=environment)
    item_id = await _listed(database)
    answers = [await typed("bash", "-euc", block, environment={**environment, "ITEM_ID": item_id}) for block in others]
    assert len(answers) >= 4
    assert all(answer.strip() for answer in answers)
    async with database.begin() as connection:
        sold = await connection.execute(text("SELECT quantity FROM user_inventory_items"))
    assert sold.scalar_one() == 2


async def test_a_webhook_is_signed_and_taken(environment: dict[str, str], database: Database) -> None:
    [sending] = [code for code in PYTHON if "Signature" in code]
    answer = await typed(sys.executable, "-c", sending, environment=environment)
    assert "accepted" in answer
    async with database.begin() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM webhook_inbox"))).scalar_one() == 1


@pytest.mark.parametrize("forged", [False, True])
def test_a_call_back_is_verified(forged: bool) -> None:
    [verifying] = [code for code in PYTHON if "webhook-signature" in code]
    scope: dict[str, object] = {}
    exec(verifying, scope)  # noqa: S102 - the page's own example
    is_ours = scope["is_ours"]
    assert callable(is_ours)
    secret, body = signing.new_secret(), '{"eventId": "1"}'
    headers = signing.sign("evt-1", body, [signing.new_secret(), secret], NOW, sequence=1).headers
    claimed = {name.lower(): value for name, value in headers.items()}
    tampered = (body + " " if forged else body).encode()
    assert is_ours(secret, claimed, tampered, now=NOW.timestamp()) is not forged
    assert not is_ours(secret, claimed, body.encode(), now=NOW.timestamp() + 301)
    assert not is_ours("whsec_" + base64.b64encode(b"x" * 32).decode(), claimed, body.encode(), now=NOW.timestamp())


def test_every_error_is_told() -> None:
    assert error_table() in PAGE, f"\n{error_table()}"


def test_the_prefix_is_that_of_the_routes() -> None:
    assert PAGE.count(PREFIX) > 5


async def _listed(database: Database) -> str:
    """A listing of the seller's, with four copies on sale."""
    row = {"blueprint_id": 1, "quantity": 4, "price_cents": 100, "external_stock_id": str(uuid4().int % 10**9)}
    async with database.begin() as connection:
        statement = insert(user_inventory_items).values(user_id=USER, **row).returning(user_inventory_items.c.id)
        return str((await connection.execute(statement)).scalar_one())
