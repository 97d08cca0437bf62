"""Who may ask: bearers of the static token, or of one that a login gave."""

from __future__ import annotations

from itertools import count
from typing import Final

import msgspec

USERNAME: Final = "bridge"
PASSWORD: Final = "simulator-password"  # noqa: S105 - opens nothing but a simulator
STATIC_TOKEN: Final = "simulator-token"  # noqa: S105 - opens nothing but a simulator


class Login(msgspec.Struct):
    """Who signs in."""

    username: str
    password: str


class Refresh(msgspec.Struct):
    """Who stays."""

    refresh_token: str


class Given(msgspec.Struct):
    """What both get."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 - what it is called


class Tokens:
    """The tokens that were given; `logins` and `refreshes` count how often."""

    def __init__(self, static: str, username: str, password: str) -> None:
        self._static, self._who = static, (username, password)
        self._numbers = count(1)
        self._access: set[str] = set()
        self._refresh: set[str] = set()
        self.logins = self.refreshes = 0

    def accepts(self, authorization: str) -> bool:
        """Whether a header holds a token that counts now."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and bool(token) and (token == self._static or token in self._access)

    def login(self, asked: Login) -> Given | None:
        """None for a stranger."""
        if (asked.username, asked.password) != self._who:
            return None
        self.logins += 1
        return self._given()

    def refresh(self, asked: Refresh) -> Given | None:
        """None for a token that is not, or no longer, one."""
        if asked.refresh_token not in self._refresh:
            return None
        self.refreshes += 1
        self._refresh.discard(asked.refresh_token)
        return self._given()

    def forget(self) -> None:
        """No access token counts any more, the static one excepted; refreshing still works."""
        self._access.clear()

    def _given(self) -> Given:
        number = next(self._numbers)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self._access.add(access)
        self._refresh.add(refresh)
        return Given(access, refresh)
