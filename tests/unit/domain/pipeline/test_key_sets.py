"""Packed keys behave as sets, whatever bytes they are of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.pipeline.key_sets import absent, count_distinct, in_order, overlap, packed, places, unpacked

# Few bytes, so that keys meet; zeros and halves that are alike, where a comparison of halves could err.
KEYS = st.lists(st.builds(lambda a, b: bytes([a]) * 8 + bytes([b]) * 8, st.integers(0, 3), st.integers(0, 3)))


@given(KEYS, KEYS)
def test_they_are_sets(keys: list[bytes], others: list[bytes]) -> None:
    one, other = packed(keys), packed(others)
    assert sorted(absent(one, other)) == sorted(set(keys) - set(others))
    assert count_distinct(one) == len(set(keys))
    assert overlap(one, other) == (not set(keys).isdisjoint(others))


@given(KEYS, KEYS)
def test_keys_are_found_where_they_are(keys: list[bytes], others: list[bytes]) -> None:
    distinct = list(dict.fromkeys(others))
    found = places(packed(keys), packed(distinct)).tolist()
    assert found == [distinct.index(key) if key in distinct else -1 for key in keys]
    assert unpacked(packed(keys)) == keys
    assert unpacked(in_order(packed(keys))) == sorted(keys)
