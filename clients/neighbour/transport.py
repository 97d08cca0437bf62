"""Requests to one neighbour: authorise, send, classify, and repeat within bounds.

Every address is built on the configured base, redirects are refused, answers are read up to a cap. Mutations are
repeated too: the hub knows records by their key, so a repetition is told that they are there.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from clients.neighbour.errors import Faults, Unavailable
from clients.neighbour.patience import Patience
from clients.neighbour.tokens import Credentials, Login, NoAccess, Tokens

T = TypeVar("T")

ANSWER_CAP: Final = 256 * 1024**2
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
_NOT_NOW: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_LONGEST_TOLD: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a neighbour is: scheme and host, and the prefix of its paths."""

    base_url: str
    prefix: str = "/api/v1"

    def url(self, path: str) -> str:
        """Of a path below the prefix."""
        return "/".join(filter(None, (self.base_url.rstrip("/"), self.prefix.strip("/"), path)))


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `content` is JSON. Timeout in seconds."""

    method: Literal["GET", "POST"]
    path: str
    content: bytes | None = None
    timeout: float = 30.0


class _Unauthorised(Exception):
    """401: the token is not accepted."""


class Transport:
    """One neighbour's requests, for all who share its token."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        place: Place,
        credentials: Credentials,
        faults: Faults,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        answer_cap: int = ANSWER_CAP,
    ) -> None:
        self._http, self._place, self.faults = http, place, faults
        self._patience, self._sleep, self._cap = patience or Patience(), sleep, answer_cap
        self._tokens = Tokens(credentials, self)

    async def ask(self, request: Request, read: Callable[[bytes], T]) -> T:
        """What `read` makes of the body; what it raises for a body that it cannot read counts as a vain try.

        Raises:
            Rejected, Unusable, Unavailable: of this neighbour.
        """
        return await self._again(lambda: self._understood(request, read))

    async def login(self, username: str, password: str) -> Login:
        """New tokens, for `Tokens`."""
        content = msgspec.json.encode({"username": username, "password": password})
        try:
            return _login(await self._send(Request("POST", "auth/login", content), None))
        except _Unauthorised:
            raise NoAccess from None

    async def refresh(self, refresh_token: str) -> Login | None:
        """New tokens, for `Tokens`; None when this one is over."""
        content = msgspec.json.encode({"refresh_token": refresh_token})
        try:
            return _login(await self._send(Request("POST", "auth/refresh", content), None))
        except (_Unauthorised, self.faults.rejected):
            return None

    async def _again(self, attempt: Callable[[], Awaitable[T]]) -> T:
        tried = 0
        while True:
            try:
                return await attempt()
            except (self.faults.unavailable, self.faults.unusable) as fault:
                tried += 1
                wait = self._patience.wait(tried, fault.told if isinstance(fault, Unavailable) else None)
                if wait is None:
                    raise
            await self._sleep(wait)

    async def _understood(self, request: Request, read: Callable[[bytes], T]) -> T:
        try:
            return read(await self._authorised(request))
        except _UNREADABLE:
            raise self.faults.unusable(f"{self.faults.name} answered something that cannot be understood.") from None
        except NoAccess:
            raise self.faults.rejected(f"{self.faults.name} does not accept our credentials.", status=401) from None

    async def _authorised(self, request: Request) -> bytes:
        """With the token, and once more with a renewed one: never a third time."""
        token = await self._tokens.current()
        try:
            return await self._send(request, token)
        except _Unauthorised:
            token = await self._tokens.renewed(token)
        try:
            return await self._send(request, token)
        except _Unauthorised:
            raise NoAccess from None

    async def _send(self, request: Request, token: str | None) -> bytes:
        if not self._place.base_url:
            raise self.faults.rejected(f"The address of {self.faults.name} is not configured.")
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        try:
            return await self._exchange(request, headers)
        except httpx.InvalidURL:
            raise self.faults.rejected(f"The address of {self.faults.name} is not one.") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            # Not chained: the cause would carry the request, its address and its headers.
            text = f"{self.faults.name} cannot be reached ({type(error).__name__})."
            raise self.faults.unavailable(text) from None

    async def _exchange(self, request: Request, headers: dict[str, str]) -> bytes:
        async with self._http.stream(
            request.method,
            self._place.url(request.path),
            content=request.content,
            headers=headers,
            timeout=httpx.Timeout(request.timeout, connect=10.0),
            follow_redirects=False,
        ) as response:
            self._check(response)
            return await self._read(response)

    def _check(self, response: httpx.Response) -> None:
        """Raise unless the answer is a 2xx with data."""
        status, name = response.status_code, self.faults.name
        if status == HTTPStatus.UNAUTHORIZED:
            raise _Unauthorised
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _NOT_NOW:
            raise self.faults.unavailable(f"{name} answered {status}.", told=_told(response.headers))
        if status >= HTTPStatus.BAD_REQUEST:
            raise self.faults.rejected(f"{name} refused the request ({status}).", status=status)
        if not response.is_success:
            raise self.faults.unusable(f"{name} answered {status}; redirects are not followed.")
        if "html" in response.headers.get("Content-Type", "").lower():
            raise self.faults.unavailable(f"{name} answered with a page, not with data.")

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > self._cap:
                raise self.faults.rejected(f"{self.faults.name} answered more than is allowed.")
        return bytes(body)


def segment(name: str) -> str:
    """One segment of a path, whatever the name is."""
    quoted = quote(name, safe="")
    # Dots are not quoted, and lead elsewhere.
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted


def _login(body: bytes) -> Login:
    login = msgspec.json.decode(body, type=Login)
    if not login.access_token.isascii() or not login.access_token.isprintable() or not login.access_token:
        raise ValueError
    return login


def _told(headers: httpx.Headers) -> float | None:
    """Seconds that an answer asks to wait; None when it does not say so in seconds."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), _LONGEST_TOLD) if math.isfinite(seconds) else None
