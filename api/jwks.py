"""Keys with names: a JWKS file (RFC 7517) that the authentication service's keys are copied into, and read anew.

A file that cannot be read, or is half written, changes nothing: the keys read last stay until a whole one is there.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

LEAST_BITS: Final = 2048
_MOST_BYTES: Final = 2**20
_log = structlog.get_logger(__name__)

NamedKeys = Mapping[str, Sequence[RSAPublicKey]]
"""Public keys by `kid`; "" for those that have none."""


class _Key(msgspec.Struct):
    kty: str
    kid: str = ""
    use: str = "sig"
    alg: str = "RS256"
    n: str = ""
    e: str = ""


class _Set(msgspec.Struct):
    keys: list[_Key]


class JwksFile:
    """The keys of a file as it is now; whether it has changed is asked of the file system at each use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: NamedKeys = {}

    def keys(self) -> NamedKeys:
        """Empty as long as no file could be read."""
        seen = _look_of(self._path)
        if seen != self._seen:
            self._seen = seen
            self._read()
        return self._keys

    def _read(self) -> None:
        try:
            self._keys = read_jwks(self._path.read_bytes())
        except (OSError, ValueError) as error:
            _log.error("jwks.unreadable", path=str(self._path), error=type(error).__name__, kept=len(self._keys))
        else:
            _log.info("jwks.read", path=str(self._path), names=sorted(self._keys))


def read_jwks(text: bytes) -> NamedKeys:
    """The RSA keys for RS256 signatures, of at least 2048 bits; others are passed over.

    Raises:
        ValueError: it is no JWKS.
    """
    if len(text) > _MOST_BYTES:
        raise ValueError("the file is too large for a JWKS")
    found: defaultdict[str, list[RSAPublicKey]] = defaultdict(list)
    for key in _signing(msgspec.json.decode(text, type=_Set).keys):
        public = RSAPublicNumbers(_number(key.e), _number(key.n)).public_key()
        if public.key_size >= LEAST_BITS:
            found[key.kid].append(public)
    return dict(found)


def _signing(keys: Sequence[_Key]) -> Iterator[_Key]:
    return (key for key in keys if (key.kty, key.use, key.alg) == ("RSA", "sig", "RS256"))


def _number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _look_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
