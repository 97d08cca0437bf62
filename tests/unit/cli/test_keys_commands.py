"""`keys` and `token`: what they make is what the API accepts."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from api.auth import Authenticator, Principal, load_public_keys
from db.vault import Vault
from tests.helpers.fake_api import CommandLine

USER = UUID("0b5fbb2c-91d3-4c52-8f0e-3f2c4b8f5a11")


def generated(brx: CommandLine, directory: Path) -> dict[str, str]:
    outcome = brx("keys", "generate", "--dir", directory)
    assert outcome.code == 0
    return dict(line.split("=", 1) for line in outcome.out.splitlines())


def test_a_minted_token_is_accepted_with_its_roles(brx: CommandLine, tmp_path: Path) -> None:
    keys = load_public_keys(generated(brx, tmp_path)["JWT_PUBLIC_KEY"])
    outcome = brx("token", "mint", USER, "--key", tmp_path / "jwt-private.pem", "--roles", "operator")
    principal = Authenticator(keys).authenticate(outcome.out.strip())
    assert principal == Principal(USER, frozenset({"operator"}))


def test_the_fernet_key_encrypts(brx: CommandLine, tmp_path: Path) -> None:
    vault = Vault.from_setting(generated(brx, tmp_path)["FERNET_KEY"])
    assert vault.decrypt(vault.encrypt("secret")) == "secret"


def test_keys_are_made_once_and_for_the_owner_only(brx: CommandLine, tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    assert generated(brx, directory) == generated(brx, directory)
    assert {path.stat().st_mode & 0o077 for path in (directory, *directory.iterdir())} == {0}


def test_a_missing_key_says_how_to_make_one(brx: CommandLine, tmp_path: Path) -> None:
    outcome = brx("token", "mint", USER, "--key", tmp_path / "none.pem")
    assert (outcome.code, outcome.out) == (1, "")
    assert "keys generate" in outcome.err


def test_a_broken_key_is_named(brx: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("not a key")
    outcome = brx("token", "mint", USER, "--key", tmp_path / "broken.pem")
    assert outcome.code == 1
    assert "is not a PEM-encoded RSA private key" in outcome.err.replace("\n", " ")
