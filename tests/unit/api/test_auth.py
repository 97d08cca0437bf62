"""The authenticator: texts of the first API, one algorithm, every claim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from api.auth import Authenticator, Principal, load_public_keys
from api.errors import AuthenticationMisconfigured, Unauthorized
from tests.helpers.api import claims, forged, private_key, public_pem, token_for

USER = uuid4()


def authenticator(**changes: Any) -> Authenticator:
    return Authenticator(load_public_keys(public_pem()), **changes)


def refusal(token: str, **changes: Any) -> str:
    with pytest.raises(Unauthorized) as caught:
        authenticator(**changes).authenticate(token)
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
    return caught.value.message


def test_a_good_token_names_the_user_and_known_roles() -> None:
    token = token_for(USER, roles=["operator", "king", 5])
    assert authenticator().authenticate(token) == Principal(USER, frozenset({"operator"}))
    assert authenticator().authenticate(token_for(USER, roles="reader store")).roles == {"reader", "store"}


@pytest.mark.parametrize(
    ("claim", "store_id"),
    [
        ("milan-1", "milan-1"),
        ("", None),
        ("../x", None),
        ("a b", None),
        ("x" * 65, None),
        (7, None),
        (["milan-1"], None),
    ],
    ids=str,
)
def test_a_token_may_name_a_store(claim: object, store_id: str | None) -> None:
    assert authenticator().authenticate(token_for(USER, store_id=claim)).store_id == store_id


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"type": "refresh"}, "Invalid token type. Access token required."),
        ({"mfa_verified": False}, "MFA verification required"),
        ({"mfa_verified": 1}, "MFA verification required"),
        ({"mfa_verified": "true"}, "MFA verification required"),
        ({"mfa_verified": None}, "MFA verification required"),
        ({"sub": "bob"}, "Invalid token: missing user identifier"),
        ({"sub": ""}, "Invalid token: missing user identifier"),
        ({"sub": None}, "Invalid token"),
        ({"type": None}, "Invalid token"),
        ({"exp": None}, "Invalid token"),
        ({"exp": datetime(2020, 1, 1, tzinfo=UTC)}, "Token expired. Please refresh your token."),
    ],
)
def test_each_claim_is_checked(changes: dict[str, Any], text: str) -> None:
    assert refusal(token_for(USER, **changes)) == text


def test_the_leeway_is_thirty_seconds() -> None:
    def ago(seconds: int) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=seconds)

    assert authenticator().authenticate(token_for(USER, exp=ago(20))).user_id == USER
    assert refusal(token_for(USER, exp=ago(40))) == "Token expired. Please refresh your token."


@pytest.mark.parametrize("token", ["", "x", "a.b.c", forged(USER, "none"), forged(USER, "HS256")])
def test_what_is_not_signed_by_our_key_is_invalid(token: str) -> None:
    assert refusal(token) == "Invalid token"


def test_another_key_and_another_rsa_algorithm_are_invalid() -> None:
    assert refusal(token_for(USER, key="theirs")) == "Invalid token"
    assert refusal(jwt.encode(claims(USER), private_key("ours"), "RS512")) == "Invalid token"


def test_a_token_above_8192_bytes_is_not_even_parsed() -> None:
    assert refusal(token_for(USER, noise="x" * 9000)) == "Invalid token"


def test_issuer_and_audience_are_checked_when_configured() -> None:
    wanted = {"issuer": "ebartex-auth", "audience": "ebartex-services"}
    good = token_for(USER, iss="ebartex-auth", aud="ebartex-services")
    assert authenticator(**wanted).authenticate(good).user_id == USER
    assert refusal(token_for(USER), **wanted) == "Invalid token"
    assert refusal(token_for(USER, iss="ebartex-auth", aud="others"), **wanted) == "Invalid token"


@pytest.mark.parametrize(
    "text",
    [
        public_pem(),
        public_pem().replace("\n", "\\n"),
        "".join(public_pem().split("\n")[1:-2]),
        public_pem("theirs") + public_pem(),
    ],
    ids=["pem", "escaped", "bare", "several"],
)
def test_keys_are_read_in_every_form(text: str) -> None:
    assert Authenticator(load_public_keys(text)).authenticate(token_for(USER)).user_id == USER


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_without_a_readable_key_nobody_is_let_in(text: str) -> None:
    with pytest.raises(AuthenticationMisconfigured, match="Authentication service configuration error"):
        Authenticator(load_public_keys(text)).authenticate(token_for(USER))
