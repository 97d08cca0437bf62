"""The bearer token of a neighbour: a static one, or one that a login gives and a refresh renews.

A token that was refused is renewed once for all who hold it; whose renewed token is refused too has no access.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from pydantic import SecretStr

_NONE: Final = SecretStr("")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A static token, or else a name and a password. A token wins where both are given."""

    token: SecretStr = _NONE
    username: str = ""
    password: SecretStr = _NONE


class Login(msgspec.Struct, frozen=True):
    """What `auth/login` and `auth/refresh` answer."""

    access_token: str
    refresh_token: str = ""


class SignIn(Protocol):
    """The two requests without a bearer token."""

    async def login(self, username: str, password: str) -> Login:
        """New tokens. Raises what a refused login is."""

    async def refresh(self, refresh_token: str) -> Login | None:
        """New tokens; None when the refresh token is not accepted."""


class NoAccess(Exception):
    """There is no token that could be accepted."""


class Tokens:
    """Hands out the token to use; concurrent callers share one login."""

    def __init__(self, credentials: Credentials, sign_in: SignIn) -> None:
        self._credentials, self._sign_in = credentials, sign_in
        self._lock = asyncio.Lock()
        self._held: Login | None = None

    async def current(self) -> str:
        """The token to use now. Raises `NoAccess` where nothing is configured."""
        if token := self._credentials.token.get_secret_value():
            return token
        async with self._lock:
            if self._held is None:
                self._held = await self._login()
            return self._held.access_token

    async def renewed(self, refused: str) -> str:
        """The token to use instead of one that was refused. Raises `NoAccess`: a static one cannot be renewed."""
        if self._credentials.token.get_secret_value():
            raise NoAccess
        async with self._lock:
            # Whoever waited for the lock finds what the one before it fetched.
            if self._held is None or self._held.access_token == refused:
                self._held = await self._refreshed() or await self._login()
            return self._held.access_token

    async def _refreshed(self) -> Login | None:
        if self._held is None or not self._held.refresh_token:
            return None
        renewed = await self._sign_in.refresh(self._held.refresh_token)
        if renewed is None or renewed.refresh_token:
            return renewed
        return Login(renewed.access_token, self._held.refresh_token)

    async def _login(self) -> Login:
        if not self._credentials.username:
            raise NoAccess
        return await self._sign_in.login(self._credentials.username, self._credentials.password.get_secret_value())
