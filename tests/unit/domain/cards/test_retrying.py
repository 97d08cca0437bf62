"""What can be done about a dead letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.retrying import blueprint_of, remedy


@pytest.mark.parametrize(
    ("stage", "wanted"),
    [("validate", "reread"), ("apply", "sync"), ("change", None), ("purchase", None), ("anything", None)],
)
def test_only_what_is_read_is_repeated(stage: str, wanted: str | None) -> None:
    assert remedy(stage) == wanted


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b'{"id": 1, "blueprint_id": 42, "quantity": -1}', 42),
        (b'{"id": 1, "blueprint_id": null}', None),
        (b'{"id": 1, "blueprint_id": "42"}', None),
        (b'{"id": 1, "blueprint_id": 0}', None),
        (b'{"id": 1, "blueprint_id": 4294967296}', None),
        (b'{"id": 1}', None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_the_blueprint_a_raw_product_names(raw: bytes, wanted: int | None) -> None:
    assert blueprint_of(raw) == wanted


@given(st.binary(max_size=200))
def test_any_bytes_can_be_looked_at(raw: bytes) -> None:
    blueprint_of(raw)
