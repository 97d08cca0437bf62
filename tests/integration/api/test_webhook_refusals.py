"""Which webhooks are refused: without the account's signature before anything is read, or as no webhook at all."""

from __future__ import annotations

import hmac

import pytest

from api.cards import webhooks
from api.cards.intake import SecretReplaced
from tests.helpers.api import error_of
from tests.helpers.api_seller import Seller
from tests.helpers.webhooks import SECRET, item, outcomes, send, sign, stock, stocked, webhook

NOBODY = "378fc890-4b2a-473f-b3b4-5f9c8ee09c85"
BODY = webhook(item(1))
REFUSED = {
    "missing": (BODY, ""),
    "of another secret": (BODY, sign(BODY, "guessed")),
    "of an empty secret": (BODY, sign(BODY, "")),
    "of the stand-in": (BODY, sign(BODY, "no secret")),
    "of another body": (BODY, sign(BODY + b" ")),
    "in hex": (BODY, hmac.digest(SECRET.encode(), BODY, "sha256").hex()),
    "not base64": (BODY, "%" * 44),
    "too long": (BODY, sign(BODY) + "=" * 128),
    "cut": (BODY, sign(BODY)[:-5] + "="),
    "wrong, of no JSON": (b"{", sign(b"{", "guessed")),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_wrong_signature_is_refused_before_anything_is_read(seller: Seller, why: str) -> None:
    await stocked(seller)
    body, signature = REFUSED[why]
    error = error_of(await send(seller, body, signature=signature), 401)
    assert (error["code"], error["context"]) == ("WEBHOOK_VALIDATION_ERROR", {})
    assert (await stock(seller)).quantity == 10
    assert await outcomes(seller) == []


@pytest.mark.parametrize("path", [f"/webhook/user/{NOBODY}", f"/webhook/{NOBODY}", "/webhook/user/bob", "/webhook/x"])
async def test_an_unknown_account_answers_as_a_wrong_signature_does(seller: Seller, path: str) -> None:
    wrong = error_of(await send(seller, BODY, signature=sign(BODY, "guessed")), 401)
    for body in (BODY, b"{"):
        unknown = error_of(await send(seller, body, path=path), 401)
        assert {**unknown, "trace_id": ""} == {**wrong, "trace_id": ""}


@pytest.mark.parametrize("secret", ["NULL", "'not ours'"])
async def test_an_account_without_a_usable_secret_takes_nothing(seller: Seller, secret: str) -> None:
    await seller.update_settings(f"webhook_secret = {secret}")
    for key in (SECRET, "", "no secret"):
        assert (await send(seller, BODY, signature=sign(BODY, key))).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": "x y"}', webhook(id="x" * 129), webhook(object_id=0)])
async def test_a_signed_body_that_is_no_webhook_is_a_bad_request(seller: Seller, body: bytes) -> None:
    assert error_of(await send(seller, body), 400)["code"] == "VALIDATION_ERROR"


async def test_a_mebibyte_is_the_most(seller: Seller) -> None:
    small = webhook(item(1))
    most = small + b" " * (2**20 - len(small))
    assert (await send(seller, most)).status_code == 200
    assert error_of(await send(seller, most + b" "), 413)["code"] == "PAYLOAD_TOO_LARGE"


async def test_a_secret_that_is_replaced_at_every_look_refuses_the_webhook(
    seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def replaced(*_: object) -> bool:
        raise SecretReplaced

    monkeypatch.setattr(webhooks, "take_in", replaced)
    assert error_of(await send(seller, BODY), 401)["code"] == "WEBHOOK_VALIDATION_ERROR"
