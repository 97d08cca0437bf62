"""Every code has a sentence, and every final error of the policies has a code of its own."""

from __future__ import annotations

import pytest

from domain.pipeline import batch_errors
from domain.pipeline.batch_errors import SENTENCES, code_for, sentence
from workflows.policies import BRIDGE_ERRORS


@pytest.mark.parametrize(
    ("error_type", "code"),
    [
        ("EntityDisabled", "ENTITY_DISABLED"),
        ("SourceUnavailable", "SOURCE_UNAVAILABLE"),
        ("TimeoutError", "PAGE_TOO_SLOW"),
        ("KeyError", "BATCH_FAILED"),
        ("", "BATCH_FAILED"),
        (None, "BATCH_FAILED"),
    ],
)
def test_codes(error_type: str | None, code: str) -> None:
    assert code_for(error_type) == code


def test_every_final_error_has_a_code_of_its_own() -> None:
    codes = [code_for(error) for error in BRIDGE_ERRORS]
    assert len(set(codes)) == len(codes)
    assert "BATCH_FAILED" not in codes


def test_every_code_has_a_sentence_of_its_own() -> None:
    assert set(batch_errors._BY_ERROR.values()) <= set(SENTENCES)
    assert len(set(SENTENCES.values())) == len(SENTENCES)
    assert all(sentence(code) == text and text.endswith(".") for code, text in SENTENCES.items())


def test_an_unknown_code_reads_as_a_failure_of_ours() -> None:
    assert sentence("SOMETHING_NEW") == SENTENCES["BATCH_FAILED"]
