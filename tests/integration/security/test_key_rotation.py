"""`keys rotate` under a running API that is written to: nothing is lost, and then the old key can be taken away."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, select, update

from api.cards.signatures import Signatures
from api.main import create_app
from db.cards.tables import user_sync_settings, webhook_inbox
from db.every_table import metadata
from db.rotation import ColumnReport, encrypted_columns, rotate
from db.session import Database
from db.vault import SecretUnreadable, Vault
from tests.helpers.api import FakeVerifier, bearer, fake_services, opening, serving, settings_for_tests, token_for
from tests.helpers.api_seller import Seller
from tests.helpers.marketplace_service import MOUNT, marketplace_services
from tests.helpers.waiting import eventually
from tests.helpers.webhooks import item, send, sign, webhook

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ORGANIZATION = "org-1"
HEADERS = bearer(token_for(uuid4(), org=ORGANIZATION))
# Not secrets of the vault: names, and tokens that are looked up by equality (docs/security.md).
PLAIN = {"marketplace_stores.sync_token", "webhook_endpoints.previous_secret_until", "user_sync_settings.webhook_id"}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.connect(database_url)
    yield opened
    await opened.close()


class Site:
    """An API over the database, and who uses it."""

    def __init__(self, http: httpx.AsyncClient, services: Any, verifier: FakeVerifier) -> None:
        self.http, self.services, self.verifier = http, services, verifier
        self.written: dict[str, str] = {}

    def seller(self, seller: Seller | None = None) -> Seller:
        return Seller(seller.user_id if seller else uuid4(), self.http, self.services, self.verifier)

    async def endpoint(self, number: int) -> str:
        body = {"organizationId": ORGANIZATION, "event": "sync.failed", "targetUrl": f"http://127.0.0.1:1/{number}"}
        made = (await self.http.post(f"{MOUNT}/webhooks/register", json=body, headers=HEADERS)).raise_for_status()
        self.written[made.json()["id"]] = made.json()["secret"]
        return str(made.json()["id"])

    async def renew_secret(self, endpoint: str) -> None:
        made = await self.http.post(f"{MOUNT}/webhooks/{endpoint}/rotate-secret", headers=HEADERS)
        self.written[endpoint] = made.raise_for_status().json()["secret"]

    async def register_store(self, name: str, token: str) -> None:
        body = {"organizationId": ORGANIZATION, "marketplace": "etsy", "externalStoreId": name, "currency": "EUR"}
        body |= {"storeName": name, "accessToken": token}
        (await self.http.post(f"{MOUNT}/stores/register", json=body, headers=HEADERS)).raise_for_status()
        self.written[name] = token

    async def relink(self, seller: Seller, token: str) -> None:
        made = await seller.post("/link/{user}", json={"cardtrader_token": token})
        assert made.status_code == 200, made.text
        self.written[str(seller.user_id)] = token


@asynccontextmanager
async def site(database_url: str, *keys: str) -> AsyncIterator[Site]:
    """The service as it runs with these keys."""
    vault, verifier = Vault(keys), FakeVerifier()
    database = Database.connect(database_url)
    services = replace(fake_services(database, verifier=verifier), vault=vault, signatures=Signatures(vault))
    marketplace = marketplace_services(database, vault)
    async with serving(create_app(settings_for_tests(), opening(services, marketplace=marketplace))) as http:
        yield Site(http, services, verifier)


async def secrets_of(database: Database, vault: Vault) -> dict[str, str]:
    """Everything that can be read back with a vault, by what was written."""
    found = {}
    queries = {
        "user_sync_settings": ("user_id", "cardtrader_token_encrypted"),
        "marketplace_stores": ("external_store_id", "access_token_encrypted"),
        "webhook_endpoints": ("id", "secret_encrypted"),
    }
    async with database.begin() as connection:
        for table, (name, column) in queries.items():
            columns = metadata.tables[table].c
            for key, token in await connection.execute(select(columns[name], columns[column])):
                found[str(key)] = vault.decrypt(token)
    return found


def totals(reports: list[ColumnReport]) -> dict[str, int]:
    return {name: sum(getattr(report, name) for report in reports) for name in ("rotated", "left", "unreadable")}


async def test_keys_are_rotated_while_the_service_runs_and_writes(database: Database, database_url: str) -> None:
    async with site(database_url, OLD) as before:
        sellers = [before.seller() for _ in range(12)]
        for number, seller in enumerate(sellers):
            await seller.link()
            assert (await send(seller, webhook(item(number)))).status_code == 200
        endpoints = [await before.endpoint(number) for number in range(6)]
        for endpoint in endpoints[:3]:
            await before.renew_secret(endpoint)
        for number in range(6):
            await before.register_store(f"store-{number}", f"access-{number}")
    async with site(database_url, NEW, OLD) as during:
        during.written = {**before.written, **{str(seller.user_id): "ct-token-4711" for seller in sellers}}
        stop, count = asyncio.Event(), 0

        async def write(number: int) -> None:
            nonlocal count
            seller = during.seller(sellers[number])
            while not stop.is_set():
                count += 1
                await during.relink(seller, f"renewed-{count}")
                body = webhook(item(1000 + count))
                assert (await send(seller, body, signature=sign(body, "shared-secret-of-the-app"))).status_code == 200
                await during.renew_secret(endpoints[number])
                await during.register_store(f"store-{number}", f"access-renewed-{count}")

        async with asyncio.TaskGroup() as writers:
            tasks = [writers.create_task(write(number)) for number in range(2)]
            await eventually(lambda: _hold(count > 4), 30)
            first = await rotate(database, Vault([NEW, OLD]), batch=3)
            seen = count
            await eventually(lambda: _hold(count > seen + 2), 30)
            stop.set()
        assert all(task.done() for task in tasks)
        assert totals(first)["rotated"] >= 10 + 10 + 12 + 4 + 4
        assert (totals(first)["left"], totals(first)["unreadable"]) == (0, 0)
    again = await rotate(database, Vault([NEW, OLD]), batch=3)
    assert totals(again) == {"rotated": 0, "left": 0, "unreadable": 0}
    assert await secrets_of(database, Vault([NEW])) == during.written
    async with site(database_url, NEW) as after:
        body = webhook(item(5))
        old_sender, fresh = after.seller(sellers[-1]), webhook(item(6), order_id=51)
        assert (await send(old_sender, body)).json()["status"] == "accepted"
        assert (await send(old_sender, body)).json()["status"] == "duplicate"
        assert (await send(old_sender, fresh, signature=sign(fresh, "wrong"))).status_code == 401


def _hold(value: bool) -> None:
    assert value


async def test_a_webhook_that_was_remembered_is_taken_after_its_secret_was_rotated(
    database: Database, database_url: str
) -> None:
    async with site(database_url, NEW, OLD) as running:
        seller = running.seller()
        old = Vault([OLD])
        await running.seller(seller).link()
        async with database.begin() as connection:
            sealed = old.encrypt("hook-secret-4711")
            await connection.execute(update(user_sync_settings).values(webhook_secret=sealed))
        assert (await send(seller, webhook(item(1)))).status_code == 200
        assert totals(await rotate(database, Vault([NEW, OLD])))["rotated"] == 1
        assert (await send(seller, webhook(item(2)))).status_code == 200


async def test_what_was_written_meanwhile_is_not_overwritten(database: Database, database_url: str) -> None:
    async with site(database_url, OLD) as running:
        seller = running.seller()
        await seller.link()
    late = Vault([NEW]).encrypt("written meanwhile")

    class Slow(Vault):
        """Somebody writes once, between what is read and what is written."""

        left = 1

        def renewed(self, token: Any) -> Any:
            if self.left:
                self.left = 0
                writer = threading.Thread(target=lambda: asyncio.run(_write_token(database_url, late)))
                writer.start()
                writer.join()
            return super().renewed(token)

    reports = await rotate(database, Slow([NEW, OLD]), sleep=lambda _: asyncio.sleep(0))
    assert (await secrets_of(database, Vault([NEW])))[str(seller.user_id)] == "written meanwhile"
    assert totals(reports)["left"] == 0


async def _write_token(url: str, token: str) -> None:
    opened = Database.connect(url, pool_size=1, max_overflow=0)
    async with opened.begin() as connection:
        await connection.execute(update(user_sync_settings).values(cardtrader_token_encrypted=token))
    await opened.close()


async def test_a_row_that_is_busy_is_waited_for_without_holding_anybody(database: Database, database_url: str) -> None:
    async with site(database_url, OLD) as running:
        for _ in range(3):
            await running.seller().link()
    sealed = user_sync_settings.c.user_id
    async with database.begin() as other:
        await other.execute(select(sealed).order_by(sealed).limit(1).with_for_update())

        async def released(_seconds: float) -> None:
            await other.rollback()

        reports = await asyncio.wait_for(rotate(database, Vault([NEW, OLD]), sleep=released), 20)
    assert totals(reports) == {"rotated": 6, "left": 0, "unreadable": 0}


async def test_what_cannot_be_read_is_counted_and_left(database: Database, database_url: str) -> None:
    async with site(database_url, OLD) as running:
        await running.seller().link()
    reports = await rotate(database, Vault([NEW]))
    assert totals(reports) == {"rotated": 0, "left": 0, "unreadable": 2}
    with pytest.raises(SecretUnreadable):
        await secrets_of(database, Vault([NEW]))
    assert len(await secrets_of(database, Vault([OLD]))) == 1


async def test_a_rotation_that_is_killed_is_begun_again(database: Database, database_url: str, tmp_path: Path) -> None:
    old, rows = Vault([OLD]), 1500
    async with site(database_url, OLD) as running:
        seller = running.seller()
        await seller.link()
    body = old.encrypt_bytes(b"{}")
    events = [
        {"user_id": seller.user_id, "webhook_id": f"w-{number}", "cause": "c", "mode": "live", "body_encrypted": body}
        for number in range(rows)
    ]
    async with database.begin() as connection:
        await connection.execute(insert(webhook_inbox), events)
    settings = {"ENVIRONMENT": "test", "DATABASE_URL": database_url, "FERNET_KEY": f"{NEW},{OLD}"}

    async def begin(*options: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "keys", "rotate", "--json", *options),
            cwd=tmp_path,
            env={**os.environ, **settings},
            stdout=asyncio.subprocess.PIPE,
        )

    async def rotated() -> int:
        return sum(report.current for report in await rotate(database, Vault([NEW, OLD]), dry_run=True))

    killed = await begin("--batch", "1")

    async def begun() -> None:
        assert await rotated() >= 5

    await eventually(begun, 60)
    killed.kill()
    await killed.communicate()
    done = await rotated()
    assert 5 <= done < rows
    whole = await begin()
    out, _ = await whole.communicate()
    reports = [ColumnReport(**report) for report in json.loads(out)]
    assert whole.returncode == 0
    assert totals(reports) == {"rotated": rows + 2 - done, "left": 0, "unreadable": 0}
    assert await rotated() == rows + 2


def test_every_column_that_holds_a_secret_is_rotated() -> None:
    """A column whose name speaks of a secret is among them, or is known not to be one."""
    telling = ("secret", "token", "password", "encrypted", "webhook_id")
    named = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if any(word in column.name for word in telling)
    }
    rotated = {f"{column.table.name}.{column.name}" for column in encrypted_columns()}
    assert named == rotated | PLAIN | {"webhook_inbox.webhook_id"}
    assert len(rotated) == 6
