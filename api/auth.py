"""Who calls: JWT (RS256 only) of the authentication service, checked against its public keys.

`JWT_PUBLIC_KEY` is one PEM, several (rotation: any of them may have signed), or the bare base64 body of one.
`JWT_JWKS_FILE` names its keys: a token that names one (`kid`) must be signed by it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from api.errors import AuthenticationMisconfigured, Unauthorized
from api.jwks import LEAST_BITS, JwksFile

ROLES: Final = frozenset({"operator", "reader", "store", "checkout"})
MAX_TOKEN_BYTES: Final = 8192
_MOST_ORGANIZATION: Final = 255
_STORE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller; `store_id` and `organization_id` are those of a token that names them."""

    user_id: UUID
    roles: frozenset[str] = frozenset()
    store_id: str | None = None
    organization_id: str | None = None


def load_public_keys(text: str) -> tuple[RSAPublicKey, ...]:
    """Every RSA public key of 2048 bits or more in `text`; empty when there is none that can be read."""
    text = text.strip().replace("\\n", "\n")
    if text and "-----" not in text:
        body = "\n".join(textwrap.wrap("".join(text.split()), 64))
        text = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"
    try:
        keys = [load_pem_public_key(block.encode()) for block in _PEM.findall(text)]
    except (ValueError, UnsupportedAlgorithm):
        return ()
    return tuple(key for key in keys if isinstance(key, RSAPublicKey) and key.key_size >= LEAST_BITS)


class Authenticator:
    """Turns a bearer token into a `Principal`; raises `Unauthorized` with the documented texts."""

    def __init__(
        self,
        keys: Sequence[RSAPublicKey],
        jwks: JwksFile | None = None,
        *,
        issuer: str = "",
        audience: str = "",
        leeway_seconds: int = 30,
    ) -> None:
        self._keys, self._jwks = tuple(keys), jwks
        self._issuer = issuer or None
        self._audience = audience or None
        self._leeway = leeway_seconds

    def authenticate(self, token: str) -> Principal:
        """Check signature and claims."""
        if len(token.encode()) > MAX_TOKEN_BYTES:
            raise Unauthorized("Invalid token")
        return _principal(self._claims(token))

    def _claims(self, token: str) -> dict[str, Any]:
        for key in self._candidates(token):
            try:
                return self._verify(token, key)
            except jwt.ExpiredSignatureError:
                raise Unauthorized("Token expired. Please refresh your token.") from None
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError:
                break
        raise Unauthorized("Invalid token")

    def _candidates(self, token: str) -> Sequence[RSAPublicKey]:
        """Who may have signed it; a token that names its key is never tried against another."""
        named = self._jwks.keys() if self._jwks else {}
        if not self._keys and not named:
            raise AuthenticationMisconfigured
        try:
            name = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            return ()
        if name and self._jwks:
            return named.get(name, ())
        # A token without a name, or keys that have none: any of them may have signed.
        return (*self._keys, *(key for keys in named.values() for key in keys))

    def _verify(self, token: str, key: RSAPublicKey) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=self._issuer,
            audience=self._audience,
            leeway=self._leeway,
            options={"require": ["exp", "sub", "type"], "verify_aud": self._audience is not None},
        )


def _principal(claims: dict[str, Any]) -> Principal:
    if claims["type"] != "access":
        raise Unauthorized("Invalid token type. Access token required.")
    if claims.get("mfa_verified") is not True:
        raise Unauthorized("MFA verification required")
    try:
        user_id = UUID(claims["sub"])
    except ValueError:
        raise Unauthorized("Invalid token: missing user identifier") from None
    store_id, organization_id = _store_id(claims.get("store_id")), _organization_id(claims.get("org"))
    return Principal(user_id, _roles(claims.get("roles")), store_id, organization_id)


def _roles(claim: object) -> frozenset[str]:
    listed = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(role for role in listed if isinstance(role, str)) & ROLES


def _store_id(claim: object) -> str | None:
    return claim if isinstance(claim, str) and _STORE_ID.fullmatch(claim) else None


def _organization_id(claim: object) -> str | None:
    return claim if isinstance(claim, str) and 0 < len(claim) <= _MOST_ORGANIZATION else None
