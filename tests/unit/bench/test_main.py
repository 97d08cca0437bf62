from __future__ import annotations

import pytest

from bench.__main__ import wanted


@pytest.mark.parametrize(
    ("group", "only", "expected"),
    [
        ("bulk", "", True),
        ("bulk", "bulk", True),
        ("bulk", "bulk_cold", True),
        ("bulk", "bucket", False),
        ("bucket", "bucket_acquire", True),
        ("bucket", "buck", False),
    ],
)
def test_a_group_is_chosen_by_its_name_or_one_of_its_rows(group: str, only: str, expected: bool) -> None:
    assert wanted(group, only) is expected
