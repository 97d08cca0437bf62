"""Signatures of webhooks: base64 of HMAC-SHA256 over the raw body, keyed by the text of the app's shared secret."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections import OrderedDict
from typing import Final

from db.vault import SecretUnreadable, Vault

MAX_SIGNATURE: Final = 128
_DIGEST_BYTES: Final = 32
_CACHED: Final = 1024


class Signatures:
    """Checks signatures; decrypted secrets are kept by their ciphertext, which changes whenever the secret does."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._secrets: OrderedDict[str, bytes] = OrderedDict()

    def is_valid(self, body: bytes, signature: str, secret_encrypted: str | None) -> bool:
        """Constant time. An account without a usable secret takes as long, and never matches."""
        secret = self._secret(secret_encrypted)
        wanted = hmac.digest(secret or b"no secret", body, "sha256")
        return hmac.compare_digest(wanted, _decoded(signature)) and secret is not None

    def _secret(self, encrypted: str | None) -> bytes | None:
        if encrypted is None:
            return None
        if encrypted not in self._secrets:
            try:
                self._secrets[encrypted] = self._vault.decrypt(encrypted).encode()
            except SecretUnreadable:
                return None
            while len(self._secrets) > _CACHED:
                self._secrets.popitem(last=False)
        return self._secrets[encrypted] or None


def _decoded(signature: str) -> bytes:
    """The digest a header claims; b"" for what cannot be one."""
    if len(signature) > MAX_SIGNATURE:
        return b""
    try:
        digest = b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return digest if len(digest) == _DIGEST_BYTES else b""
