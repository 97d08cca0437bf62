"""Secrets at rest: Fernet with key rotation. The first key encrypts, every key decrypts.

VaultError
├── KeyUnusable       at construction
└── SecretUnreadable  on decryption
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

ENCRYPTED: Final = "fernet:"

AnyToken = TypeVar("AnyToken", str, bytes)


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
            fernets = [Fernet(key.strip()) for key in keys]
            self._fernet = MultiFernet(fernets)
        except ValueError:
            # The library's own message and its cause may quote the key.
            raise KeyUnusable from None
        self._first = fernets[0]

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

    def renewed(self, token: AnyToken) -> AnyToken | None:
        """The same secret under the first key; None when `token` is under it already. Raises `SecretUnreadable`."""
        given = token.encode() if isinstance(token, str) else token
        if self._is_current(given):
            return None
        fresh = self.encrypt_bytes(self.decrypt_bytes(given))
        return fresh.decode() if isinstance(token, str) else fresh

    def reveal(self, setting: SecretStr) -> SecretStr:
        """A secret of the settings: as it is, or `fernet:` and its token. Raises `SecretUnreadable`."""
        text = setting.get_secret_value()
        if not text.startswith(ENCRYPTED):
            return setting
        return SecretStr(self.decrypt(text.removeprefix(ENCRYPTED)))

    def is_current(self, setting: SecretStr) -> bool:
        """Whether a secret of the settings is plain, or sealed with the first key."""
        text = setting.get_secret_value()
        return not text.startswith(ENCRYPTED) or self._is_current(text.removeprefix(ENCRYPTED).encode())

    def _is_current(self, token: bytes) -> bool:
        try:
            self._first.decrypt(token)
        except InvalidToken:
            return False
        return True

    def encrypt_bytes(self, body: bytes) -> bytes:
        """The bytes as an ASCII token."""
        return self._fernet.encrypt(body)

    def decrypt_bytes(self, token: bytes) -> bytes:
        """The bytes behind `token`. Raises `SecretUnreadable`."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise SecretUnreadable from None
