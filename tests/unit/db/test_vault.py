"""The vault: rotation, and no secret in an error."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from db.vault import KeyUnusable, SecretUnreadable, Vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_round_trip_of_text_and_bytes() -> None:
    vault = Vault([NEW])
    assert vault.decrypt(vault.encrypt("segreto è")) == "segreto è"
    assert vault.decrypt_bytes(vault.encrypt_bytes(b"\x00\xff")) == b"\x00\xff"


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    both = Vault.from_setting(f"{NEW}, {OLD},")
    assert both.decrypt(Vault([OLD]).encrypt("x")) == "x"
    assert Vault([NEW]).decrypt(both.encrypt("x")) == "x"
    with pytest.raises(SecretUnreadable):
        Vault([OLD]).decrypt(both.encrypt("x"))


@pytest.mark.parametrize("token", ["", "not a token", "gAAAAA=="])
def test_a_foreign_value_is_unreadable(token: str) -> None:
    with pytest.raises(SecretUnreadable, match="No configured key"):
        Vault([NEW]).decrypt(token)


@pytest.mark.parametrize("keys", [[], ["tooshort"], [NEW, "%%%"]])
def test_an_unusable_key_is_refused_without_being_quoted(keys: list[str]) -> None:
    with pytest.raises(KeyUnusable) as caught:
        Vault(keys)
    assert caught.value.__suppress_context__
    assert not any(key in str(caught.value) for key in keys)


def test_a_secret_of_the_settings_may_be_encrypted() -> None:
    vault = Vault([NEW])
    for setting in ("plain", f"fernet:{vault.encrypt('plain')}"):
        assert vault.reveal(SecretStr(setting)).get_secret_value() == "plain"
    with pytest.raises(SecretUnreadable):
        vault.reveal(SecretStr(f"fernet:{Vault([OLD]).encrypt('plain')}"))


def test_renewed_moves_to_the_first_key_and_only_once() -> None:
    both = Vault([NEW, OLD])
    fresh, body = both.renewed(Vault([OLD]).encrypt("x")), both.renewed(Vault([OLD]).encrypt_bytes(b"x"))
    assert fresh is not None
    assert body is not None
    assert (Vault([NEW]).decrypt(fresh), Vault([NEW]).decrypt_bytes(body)) == ("x", b"x")
    assert both.renewed(fresh) is None
    assert both.renewed(body) is None
    with pytest.raises(SecretUnreadable):
        Vault([NEW]).renewed(Vault([OLD]).encrypt("x"))


def test_a_setting_is_current_when_it_is_plain_or_under_the_first_key() -> None:
    both = Vault([NEW, OLD])
    assert both.is_current(SecretStr("plain"))
    assert both.is_current(SecretStr(f"fernet:{both.encrypt('x')}"))
    assert not both.is_current(SecretStr(f"fernet:{Vault([OLD]).encrypt('x')}"))
