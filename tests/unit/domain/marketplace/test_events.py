"""The body of a call-back, and ids."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.marketplace.events import EVENT_NAMES, Event, body, iso, payload
from domain.marketplace.ids import RANDOM_BITS, milliseconds_of, uuid7

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
ID, STORE = UUID(int=1), UUID(int=2)


def test_the_payload_of_the_seed() -> None:
    event = Event("sync.completed", "org-1", "cause", {"storeId": str(STORE), "processedCount": 2}, STORE)
    assert body(payload(ID, event, AT)) == (
        f'{{"eventId":"{ID}","event":"sync.completed","timestamp":"2026-01-02T03:04:05.678Z",'
        f'"organizationId":"org-1","storeId":"{STORE}","data":{{"storeId":"{STORE}","processedCount":2}}}}'
    )
    assert EVENT_NAMES == ("sync.started", "sync.completed", "sync.failed")


def test_an_event_without_a_store_says_so() -> None:
    assert payload(ID, Event("sync.failed", "org", "cause", {}), AT)["storeId"] is None


@settings(deadline=None)
@given(st.text(), st.text(), st.dictionaries(st.text(), st.text() | st.integers()))
def test_a_body_is_json_of_its_payload(name: str, organization: str, data: dict[str, str | int]) -> None:
    fields = payload(ID, Event(name, organization, "cause", data), AT)
    assert json.loads(body(fields)) == fields
    assert body(fields) == body(json.loads(body(fields)))


def test_times_are_utc() -> None:
    assert iso(AT.astimezone(timezone(timedelta(hours=5)))) == iso(AT)


@settings(deadline=None)
@given(st.integers(0, 2**48 - 1), st.integers(0, 2**RANDOM_BITS - 1))
def test_an_id_is_a_version_7_uuid_of_its_moment(milliseconds: int, random: int) -> None:
    made = uuid7(milliseconds, random)
    assert (made.version, made.variant, milliseconds_of(made)) == (7, "specified in RFC 4122", milliseconds)


def test_ids_sort_by_their_moment() -> None:
    assert uuid7(1, 2**RANDOM_BITS - 1) < uuid7(2, 0)
    assert uuid7(0x017F22E279B0, 0xCC3 << 62 | 0x18C4DC0C0C07398F) == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@pytest.mark.parametrize(("milliseconds", "random"), [(-1, 0), (2**48, 0), (0, -1), (0, 2**RANDOM_BITS)])
def test_what_fits_no_id_is_refused(milliseconds: int, random: int) -> None:
    with pytest.raises(ValueError, match="must fit"):
        uuid7(milliseconds, random)
