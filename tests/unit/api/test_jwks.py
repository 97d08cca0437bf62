"""Named keys: rotation while running, and a token that names a key is tried against no other."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from api.auth import Authenticator, load_public_keys
from api.errors import AuthenticationMisconfigured, Unauthorized
from api.jwks import JwksFile, read_jwks
from tests.helpers.api import claims, forged, private_key, public_pem, token_for

USER = uuid4()
MISCONFIGURED = "Authentication service configuration error"


def jwk(name: str, **changes: Any) -> dict[str, Any]:
    """One public key as the authentication service publishes it."""
    made = RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return {**made, "kid": name, "use": "sig", "alg": "RS256", **changes}


def named_token(name: str, kid: str | None = None, algorithm: str = "RS256") -> str:
    return jwt.encode(claims(USER), private_key(name), algorithm, headers={"kid": kid or name})


class Rotation:
    """A JWKS file, replaced as an operator replaces it, and an authenticator that was made once."""

    def __init__(self, path: Path, keys: str = "") -> None:
        self._path = path / "jwks.json"
        self._moment = 1
        self.authenticator = Authenticator(load_public_keys(keys), JwksFile(self._path))

    def publish(self, *keys: Mapping[str, Any]) -> None:
        self.write(json.dumps({"keys": keys}))

    def write(self, text: str) -> None:
        """The file in another moment than before, however fast the test is."""
        self._moment += 1
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text)
        os.utime(fresh, ns=(self._moment, self._moment))
        fresh.rename(self._path)

    def verdict(self, token: str) -> str:
        try:
            return str(self.authenticator.authenticate(token).user_id)
        except (Unauthorized, AuthenticationMisconfigured) as refused:
            return refused.message


@pytest.fixture
def rotation(tmp_path: Path) -> Rotation:
    return Rotation(tmp_path)


def test_keys_come_and_go_while_the_service_runs(rotation: Rotation) -> None:
    old, new = named_token("old"), named_token("new")
    rotation.publish(jwk("old"))
    assert (rotation.verdict(old), rotation.verdict(new)) == (str(USER), "Invalid token")
    rotation.publish(jwk("old"), jwk("new"))
    assert (rotation.verdict(old), rotation.verdict(new)) == (str(USER), str(USER))
    rotation.publish(jwk("new"))
    assert (rotation.verdict(old), rotation.verdict(new)) == ("Invalid token", str(USER))


def test_a_token_that_names_a_key_is_tried_against_no_other(rotation: Rotation) -> None:
    rotation.publish(jwk("old"), jwk("new"))
    assert rotation.verdict(named_token("old", kid="new")) == "Invalid token"
    assert rotation.verdict(named_token("old", kid="elsewhere")) == "Invalid token"
    assert rotation.verdict(token_for(USER, key="old")) == str(USER)


def test_only_one_algorithm_whatever_the_name(rotation: Rotation) -> None:
    rotation.publish(jwk("ours"))
    head = {"kid": "ours"}
    none = jwt.encode(claims(USER), "", "none", headers=head)
    assert rotation.verdict(none) == "Invalid token"
    assert rotation.verdict(named_token("ours", algorithm="PS256")) == "Invalid token"
    assert rotation.verdict(forged(USER, "HS256")) == "Invalid token"
    assert rotation.verdict(jwt.encode(claims(USER, type="refresh"), private_key("ours"), "RS256", head)) == (
        "Invalid token type. Access token required."
    )


def test_the_texts_stay_for_a_token_that_names_its_key(rotation: Rotation) -> None:
    rotation.publish(jwk("ours"))
    late = jwt.encode(claims(USER, exp=datetime(2020, 1, 1, tzinfo=UTC)), private_key("ours"), "RS256", {"kid": "ours"})
    assert rotation.verdict(late) == "Token expired. Please refresh your token."


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": 1}', '{"keys": [{"kty": "RSA", "n": "AQ", "e": "AQ"}]}'])
def test_a_file_that_is_no_jwks_changes_nothing(rotation: Rotation, text: str) -> None:
    token = named_token("old")
    rotation.write(text)
    assert rotation.verdict(token) == MISCONFIGURED
    rotation.publish(jwk("old"))
    assert rotation.verdict(token) == str(USER)
    rotation.write(text)
    assert rotation.verdict(token) == str(USER)


def test_a_file_that_is_gone_for_a_moment_changes_nothing(rotation: Rotation, tmp_path: Path) -> None:
    rotation.publish(jwk("old"))
    assert rotation.verdict(named_token("old")) == str(USER)
    (tmp_path / "jwks.json").unlink()
    assert rotation.verdict(named_token("old")) == str(USER)
    rotation.publish(jwk("new"))
    assert rotation.verdict(named_token("old")) == "Invalid token"


def test_an_empty_set_lets_nobody_in(rotation: Rotation) -> None:
    rotation.publish(jwk("old"))
    assert rotation.verdict(named_token("old")) == str(USER)
    rotation.publish()
    assert rotation.verdict(named_token("old")) == MISCONFIGURED


def test_keys_without_names_serve_tokens_without_names(tmp_path: Path) -> None:
    both = Rotation(tmp_path, public_pem("pem"))
    both.publish(jwk("new"))
    assert both.verdict(token_for(USER, key="pem")) == str(USER)
    assert both.verdict(named_token("new")) == str(USER)
    assert both.verdict(named_token("pem", kid="unknown")) == "Invalid token"


def test_a_name_means_nothing_where_no_key_has_one() -> None:
    several = Authenticator(load_public_keys(public_pem("old") + public_pem("ours")))
    assert several.authenticate(named_token("ours", kid="whatever")).user_id == USER


@pytest.mark.parametrize("changes", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "EC"}])
def test_keys_for_anything_else_are_passed_over(changes: dict[str, str]) -> None:
    assert read_jwks(json.dumps({"keys": [jwk("ours", **changes)]}).encode()) == {}


def test_short_keys_are_passed_over() -> None:
    short = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)  # noqa: S505 - to be refused
    assert read_jwks(json.dumps({"keys": [{**short, "kid": "short"}]}).encode()) == {}


def test_a_file_without_end_is_not_read() -> None:
    with pytest.raises(ValueError, match="too large"):
        read_jwks(b" " * (2**20 + 1))


@pytest.mark.parametrize("kid", [7, ["x"], {}], ids=str)
def test_a_name_of_another_type_is_invalid(rotation: Rotation, kid: Any) -> None:
    rotation.publish(jwk("ours"))
    _, body, signature = named_token("ours").split(".")
    odd = jwt.utils.base64url_encode(json.dumps({"alg": "RS256", "kid": kid}).encode()).decode()
    assert rotation.verdict(f"{odd}.{body}.{signature}") == "Invalid token"
