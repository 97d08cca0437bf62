"""What a shop asks of central: adjust an item, read an item, is it there?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import UUID

import httpx

from clients.central.errors import CentralDenied, CentralRefused
from clients.central.tokens import Credentials, TokenSource
from clients.central.transport import Request, Transport, Unauthorised, decode_state
from domain.store.stock import CentralStock

_DENIED: Final = 403


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A movement, on the version of central's stock it is meant for. The same operation is the same movement."""

    sku: str
    delta: int
    version: int
    operation_id: UUID


class CentralClient:
    """Every method raises `CentralError`."""

    def __init__(self, transport: Transport, tokens: TokenSource) -> None:
        self._transport, self._tokens = transport, tokens

    @classmethod
    def connect(cls, http: httpx.AsyncClient, base_url: str, credentials: Credentials) -> CentralClient | None:
        """A client on a pool that stays open longer than it; None without an address."""
        if not base_url:
            return None
        transport = Transport(http, base_url)
        return cls(transport, TokenSource(transport, credentials))

    async def adjust(self, wanted: Adjustment) -> CentralStock:
        """Move stock; repeated with the same operation it is done once. Central's stock after it.

        Raises:
            CentralRefused: nothing was moved.
            CentralUnavailable: `sent` tells whether it may have been moved.
        """
        body = {
            "sku": wanted.sku,
            "delta": wanted.delta,
            "version": wanted.version,
            "operation_id": str(wanted.operation_id),
        }
        key = {"Idempotency-Key": str(wanted.operation_id)}
        return decode_state(await self._authorised(Request("POST", f"{_path(wanted.sku)}/adjust", body, key)))

    async def read(self, sku: str) -> CentralStock | None:
        """Central's stock of an item; None when it does not know it."""
        try:
            return decode_state(await self._authorised(Request("GET", _path(sku))))
        except CentralRefused as refusal:
            if refusal.status != httpx.codes.NOT_FOUND:
                raise
            return None

    async def ping(self) -> None:
        """Whether anybody answers there and accepts our credentials."""
        await self._tokens.get()
        try:
            await self._transport.send(Request("GET", "health"))
        except (CentralRefused, Unauthorised):
            # An answer is answer enough.
            return

    async def _authorised(self, request: Request) -> bytes:
        """With a token, and once more with a fresh one."""
        token = await self._tokens.get()
        try:
            return await self._with(request, token)
        except Unauthorised:
            token = await self._tokens.get(instead_of=token)
        try:
            return await self._with(request, token)
        except Unauthorised:
            raise CentralDenied from None

    async def _with(self, request: Request, token: str) -> bytes:
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        try:
            return await self._transport.send(Request(request.method, request.path, request.body, headers))
        except CentralRefused as refusal:
            if refusal.status == _DENIED:
                raise CentralDenied from None
            raise


def _path(sku: str) -> str:
    return f"v1/inventory/{quote(sku, safe='')}"
