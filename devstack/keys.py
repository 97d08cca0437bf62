"""Development keys: an RSA pair that signs access tokens and a Fernet key, made once per data directory.

Idempotent: existing keys are read, never replaced, so that rows encrypted by an earlier run stay readable.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self
from uuid import UUID

import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PRIVATE_KEY_FILE: Final = "jwt-private.pem"
FERNET_KEY_FILE: Final = "fernet.key"
_KEY_BITS: Final = 2048
_PUBLIC_EXPONENT: Final = 65537


@dataclass(frozen=True, slots=True)
class DevelopmentKeys:
    """Both secrets of a development installation. `private_key` is PEM (PKCS 8)."""

    private_key: str = field(repr=False)
    fernet_key: str = field(repr=False)

    @classmethod
    def ensure(cls, directory: Path) -> Self:
        """Read the keys of a directory, making whichever is missing, readable by the owner only."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(
            private_key=_read_or_make(directory / PRIVATE_KEY_FILE, _new_private_key),
            fernet_key=_read_or_make(directory / FERNET_KEY_FILE, _new_fernet_key),
        )

    def env(self) -> dict[str, str]:
        """The settings of a service that trusts these keys."""
        return {"FERNET_KEY": self.fernet_key, "JWT_PUBLIC_KEY": self.public_key_body}

    @property
    def public_key_body(self) -> str:
        """The public key as bare base64 on one line, the form an environment variable carries best."""
        private_key = load_pem_private_key(self.private_key.encode(), password=None)
        der = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()


def mint_token(
    private_key: str,
    subject: UUID,
    *,
    roles: Sequence[str] = (),
    more: Mapping[str, str] = MappingProxyType({}),
    lifetime: timedelta,
    now: datetime,
) -> str:
    """An access token as the authentication service would issue it; `more` are further claims, such as `store_id`.

    Raises:
        jwt.InvalidKeyError: `private_key` is no PEM-encoded RSA key.
    """
    claims: dict[str, object] = {
        "sub": str(subject),
        "type": "access",
        "mfa_verified": True,
        "iat": now,
        "exp": now + lifetime,
        **more,
    }
    if roles:
        claims["roles"] = list(roles)
    return jwt.encode(claims, private_key, algorithm="RS256")


def _read_or_make(path: Path, make: Callable[[], str]) -> str:
    if path.exists():
        return path.read_text()
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
        file.write(make())
        file.flush()
        # A link never replaces and never shows half a key: of two processes at once, both read the winner's.
        with suppress(FileExistsError):
            os.link(file.name, path)
    return path.read_text()


def _new_private_key() -> str:
    key = rsa.generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _new_fernet_key() -> str:
    return Fernet.generate_key().decode()
