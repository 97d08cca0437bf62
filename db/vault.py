"""Secrets at rest: Fernet with key rotation. The first key encrypts, every key decrypts.

VaultError
├── KeyUnusable       at construction
└── SecretUnreadable  on decryption
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

ENCRYPTED: Final = "fernet:"


class VaultError(Exception):
    """Something is wrong with the encrypted secrets."""


class KeyUnusable(VaultError):
    """A Fernet key must be 32 bytes in URL-safe base64, and at least one is needed."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class SecretUnreadable(VaultError):
    """No configured key decrypts this value."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Vault:
    """Encrypts and decrypts short texts and bodies."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys])
        except ValueError:
            # The library's own message and its cause may quote the key.
            raise KeyUnusable from None

    @classmethod
    def from_setting(cls, keys: str) -> Vault:
        """Build from the comma-separated list of FERNET_KEY."""
        return cls([key for key in keys.split(",") if key.strip()])

    def encrypt(self, secret: str) -> str:
        """The text as an ASCII token; never the same twice."""
        return self.encrypt_bytes(secret.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The text behind `token`. Raises `SecretUnreadable`."""
        return self.decrypt_bytes(token.encode()).decode()

    def reveal(self, setting: SecretStr) -> SecretStr:
        """A secret of the settings: as it is, or `fernet:` and its token. Raises `SecretUnreadable`."""
        text = setting.get_secret_value()
        if not text.startswith(ENCRYPTED):
            return setting
        return SecretStr(self.decrypt(text.removeprefix(ENCRYPTED)))

    def encrypt_bytes(self, body: bytes) -> bytes:
        """The bytes as an ASCII token."""
        return self._fernet.encrypt(body)

    def decrypt_bytes(self, token: bytes) -> bytes:
        """The bytes behind `token`. Raises `SecretUnreadable`."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise SecretUnreadable from None
