"""Every code has a sentence, and every final error of the policies has a code of its own."""

from __future__ import annotations

import pytest

from domain.cards import sync_errors
from domain.cards.sync_errors import BLOCKING, SENTENCES, code_for, is_blocking, sentence


@pytest.mark.parametrize(
    ("error_type", "code"),
    [
        ("AccountNotLinked", "ACCOUNT_NOT_LINKED"),
        ("TokenRejected", "TOKEN_REJECTED"),
        ("ExportUnusable", "EXPORT_REJECTED"),
        ("ExportTooSlow", "CARDTRADER_UNAVAILABLE"),
        ("TimeoutError", "SYNC_FAILED"),
        ("", "SYNC_FAILED"),
        (None, "SYNC_FAILED"),
    ],
)
def test_codes(error_type: str | None, code: str) -> None:
    assert code_for(error_type) == code


def test_every_code_has_a_sentence_of_its_own() -> None:
    assert set(sync_errors._BY_ERROR.values()) <= set(SENTENCES)
    assert len(set(SENTENCES.values())) == len(SENTENCES)
    assert all(sentence(code) == text and text.endswith(".") for code, text in SENTENCES.items())


def test_an_unknown_code_reads_as_a_failure_of_ours() -> None:
    assert sentence("SOMETHING_NEW") == SENTENCES["SYNC_FAILED"]


@pytest.mark.parametrize(
    ("code", "blocking"), [("TOKEN_REJECTED", True), ("ACCOUNT_NOT_LINKED", True), ("CARDTRADER_UNAVAILABLE", False)]
)
def test_only_a_new_link_helps_an_account_that_cannot_ask(code: str, blocking: bool) -> None:
    assert is_blocking(code) == blocking
    assert (sentence(code) in BLOCKING) == blocking
