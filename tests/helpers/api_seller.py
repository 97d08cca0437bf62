"""A seller who calls the facade, with a look at the rows behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import Table, insert, text

from api.cards.services import CardsServices
from api.cards.syncs import RunningSync
from db.cards import sellers
from db.cards.tables import sync_operations
from tests.helpers.api import PREFIX, FakeVerifier, bearer, token_for


@dataclass
class Seller:
    """One seller's view of the facade, and of the rows behind it."""

    user_id: UUID
    http: httpx.AsyncClient
    services: CardsServices
    verifier: FakeVerifier

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """GET below the prefix; `{user}` in the path is the seller."""
        return await self.http.get(self._url(path), params=params, headers=self.headers)

    async def post(self, path: str, json: object = None, **params: Any) -> httpx.Response:
        """POST below the prefix."""
        return await self.http.post(self._url(path), json=json, params=params, headers=self.headers)

    async def send(self, method: str, path: str, json: object = None, **headers: str) -> httpx.Response:
        """Any method below the prefix, with headers of the test's own (`if_match` is If-Match)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, self._url(path), json=json, headers=self.headers | named)

    @property
    def headers(self) -> dict[str, str]:
        """The seller's token."""
        return bearer(token_for(self.user_id))

    def _url(self, path: str) -> str:
        return PREFIX + path.format(user=self.user_id)

    async def link(self) -> None:
        """Store a link without asking anybody."""
        vault = self.services.vault
        async with self.services.transaction() as connection:
            await sellers.link(
                connection,
                self.user_id,
                token_encrypted=vault.encrypt("ct-token-4711"),
                secret_encrypted=vault.encrypt("hook-secret-4711"),
                cardtrader_user_id=88123,
            )

    async def add(self, table: Table, **values: Any) -> None:
        """Insert a row of this seller's."""
        async with self.services.transaction() as connection:
            await connection.execute(insert(table).values(user_id=self.user_id, **values))

    async def operation(self, status: str, metadata: Mapping[str, object] | None = None, age: int = 0) -> str:
        """Insert an operation that is `age` seconds old."""
        operation_id = str(uuid4())
        await self.add(
            sync_operations,
            operation_id=operation_id,
            operation_type="bulk_sync",
            status=status,
            operation_metadata=dict(metadata or {}),
            created_at=text(f"now() - interval '{age:d} seconds'"),
        )
        return operation_id

    async def rows(self, query: str) -> list[Any]:
        """Read with `:user_id` bound."""
        async with self.services.transaction() as connection:
            return list((await connection.execute(text(query), {"user_id": self.user_id})).all())

    async def update_settings(self, assignments: str) -> None:
        """Change the settings row by an SQL fragment of the test's own."""
        query = f"UPDATE user_sync_settings SET {assignments} WHERE user_id = :user_id RETURNING 1"  # noqa: S608 - a constant
        await self.rows(query)

    async def running(self) -> RunningSync:
        """The seller's sync in flight, which must exist."""
        found = await self.services.syncs.running(self.user_id)
        assert found is not None
        return found
