"""The service's token for central: fetched once, kept until shortly before it expires, renewed after a refusal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt
import msgspec
from pydantic import SecretStr

from clients.central.errors import CentralDenied, CentralRefused, CentralUnavailable
from clients.central.transport import Request, Transport, Unauthorised

_DEFAULT_LIFETIME: Final = 300.0
_MOST_MARGIN: Final = 30.0
_MARGIN_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the service is."""

    service_name: str
    service_secret: SecretStr


class _Answer(msgspec.Struct):
    access_token: str = ""
    token: str = ""
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float


class TokenSource:
    """Hands out tokens; of many who need one at a time, one fetches it. `clock` tells seconds since the epoch."""

    def __init__(
        self, transport: Transport, credentials: Credentials, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._transport, self._credentials, self._clock = transport, credentials, clock
        self._turn = asyncio.Lock()
        self._token: _Token | None = None

    async def get(self, *, instead_of: str | None = None) -> str:
        """A token with some life left; another one than `instead_of`, which was refused.

        Raises:
            CentralDenied: the credentials are not accepted.
            CentralUnavailable: no token can be had now; nothing else was sent.
        """
        async with self._turn:
            held = self._token
            if held is None or held.text == instead_of or self._clock() >= held.renew_at:
                held = self._token = await self._fetch()
            return held.text

    async def _fetch(self) -> _Token:
        body = {
            "service_name": self._credentials.service_name,
            "service_secret": self._credentials.service_secret.get_secret_value(),
        }
        try:
            answer = await self._transport.send(Request("POST", "auth/token", body))
        except (Unauthorised, CentralRefused):
            raise CentralDenied from None
        except CentralUnavailable as fault:
            raise CentralUnavailable(str(fault), sent=False) from None
        return self._read(answer)

    def _read(self, body: bytes) -> _Token:
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = _Answer()
        text = answer.access_token or answer.token
        if not text.isascii() or not text.isprintable() or not text:
            raise CentralUnavailable("The central inventory gives no token.", sent=False)
        now = self._clock()
        lifetime = answer.expires_in if answer.expires_in is not None else _lifetime(text, now)
        return _Token(text, now + lifetime - min(_MOST_MARGIN, lifetime * _MARGIN_SHARE))


def _lifetime(token: str, now: float) -> float:
    """Seconds, by the token's own claim; its signature is central's concern."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
        return max(float(claims["exp"]) - now, 0.0)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return _DEFAULT_LIFETIME
