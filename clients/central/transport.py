"""One request to central and its classification; nothing is retried here.

Every address is built on the configured base, redirects are refused, answers are read up to a cap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

import httpx
import msgspec

from clients.central.errors import CentralRefused, CentralUnavailable
from domain.store.stock import CentralStock

_CAP: Final = 64 * 1024
_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
# Raised before a byte of the request is on its way: whatever was asked for was not done.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NOT_NOW: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_MOST: Final = 2**63 - 1


class Unauthorised(Exception):
    """401: the token is not, or no longer, accepted."""


class _State(msgspec.Struct):
    version: int
    quantity: int | None = None


class _Conflict(msgspec.Struct):
    current_state: _State


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `path` below the base."""

    method: Literal["GET", "POST"]
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transport:
    """Where central is."""

    http: httpx.AsyncClient
    base_url: str

    async def send(self, request: Request) -> bytes:
        """The body of a 2xx answer.

        Raises:
            Unauthorised, CentralRefused, CentralUnavailable.
        """
        try:
            status, body = await self._exchange(request)
        except (httpx.TransportError, httpx.DecodingError) as error:
            sent = not isinstance(error, _NOT_SENT)
            # Not chained: the cause would carry the request, its address and its headers.
            raise CentralUnavailable(
                f"The central inventory cannot be reached ({type(error).__name__}).", sent=sent
            ) from None
        if status == HTTPStatus.UNAUTHORIZED:
            raise Unauthorised
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return body
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _NOT_NOW:
            raise CentralRefused(status, _told(body))
        raise CentralUnavailable(f"The central inventory answers {status}.", sent=status not in _NOT_NOW)

    async def _exchange(self, request: Request) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", **request.headers}
        content = None if request.body is None else msgspec.json.encode(request.body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        async with self.http.stream(
            request.method,
            f"{self.base_url.rstrip('/')}/{request.path}",
            content=content,
            headers=headers,
            timeout=_TIMEOUT,
            follow_redirects=False,
        ) as response:
            return response.status_code, await _read(response)


def decode_state(body: bytes) -> CentralStock:
    """The stock a 2xx answer tells. Raises `CentralUnavailable`: what was done is not known."""
    try:
        state = msgspec.json.decode(body, type=_State)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CentralUnavailable("The central inventory's answer cannot be read.") from None
    if not _is_plausible(state):
        raise CentralUnavailable("The central inventory's answer makes no sense.")
    return CentralStock(state.version, state.quantity)


def _told(body: bytes) -> CentralStock | None:
    try:
        state = msgspec.json.decode(body, type=_Conflict).current_state
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return CentralStock(state.version, state.quantity) if _is_plausible(state) else None


def _is_plausible(state: _State) -> bool:
    return 0 <= state.version <= _MOST and (state.quantity is None or 0 <= state.quantity <= _MOST)


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _CAP:
            raise CentralUnavailable("The central inventory answers more than is allowed.")
    return bytes(body)
