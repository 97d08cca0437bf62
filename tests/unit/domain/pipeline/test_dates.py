"""Dates: one order per field, no invented part, zones as the source's policy has them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import Kind
from domain.pipeline.config import DateOrder, Zones
from domain.pipeline.dates import parsed

AS_WRITTEN = Zones()
ROME = Zones(local="Europe/Rome")
TO_UTC = Zones(to_utc=True)
ROME_TO_UTC = Zones(local="Europe/Rome", to_utc=True)


def one(text: str | None, order: DateOrder = "ymd", zones: Zones = AS_WRITTEN) -> tuple[str | None, Kind]:
    told, kind = parsed(pl.Series([text], dtype=pl.String), order, zones).row(0)
    return told, Kind(kind)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2025-12-08", "2025-12-08"),
        ("2025/1/2", "2025-01-02"),
        ("2025.01.02", "2025-01-02"),
        ("20250102", "2025-01-02"),
        ("2025-12-08 10:30:15", "2025-12-08T10:30:15"),
        ("2025-12-08T10:30:15", "2025-12-08T10:30:15"),
        ("2025-12-08 9:30", "2025-12-08T09:30:00"),
        ("2025-12-08 10:30:15.5", "2025-12-08T10:30:15.500000"),
        ("2025-12-08 10:30:15,000", "2025-12-08T10:30:15"),
        ("2025-12-08 10:30:15.123456789", "2025-12-08T10:30:15.123456789"),
        ("2025-12-08T10:30:15Z", "2025-12-08T10:30:15+00:00"),
        ("2025-12-08T10:30:15z", "2025-12-08T10:30:15+00:00"),
        ("2025-12-08T10:30:15 +0530", "2025-12-08T10:30:15+05:30"),
        ("2025-12-08T10:30:15-03", "2025-12-08T10:30:15-03:00"),
        ("2024-02-29", "2024-02-29"),
    ],
)
def test_what_is_read(text: str, iso: str) -> None:
    assert one(text) == (iso, Kind.DATETIME if "T" in iso else Kind.DATE)
    assert one(text, "dmy")[0] == iso


@pytest.mark.parametrize(
    "text",
    [
        "10:30",
        "2025-02-30",
        "2025-12",
        "2025-128",
        "2025128",
        "0000-01-01",
        "2025-12/08",
        "2025-12-08T24:00:00",
        "2025-12-08T10:60:00",
        "2025-12-08T10:30:60",
        "2025-12-08T10",
        "2025-12-08T10:30:15+24:00",
        "12/08/25",
        "soon",
    ],
)
def test_what_is_refused(text: str) -> None:
    assert one(text) == ("NOT_A_DATE", Kind.BROKEN)


@pytest.mark.parametrize("text", ["08/12/2025", "8-12-2025", "08.12.2025"])
def test_one_order_per_field(text: str) -> None:
    assert one(text, "dmy") == ("2025-12-08", Kind.DATE)
    assert one(text, "mdy") == ("2025-08-12", Kind.DATE)
    assert one(text, "ymd") == ("NOT_A_DATE", Kind.BROKEN)


def test_a_day_above_twelve_does_not_flip_the_order() -> None:
    assert one("08/25/2025", "dmy") == ("NOT_A_DATE", Kind.BROKEN)
    assert one("08/25/2025 10:00:00", "mdy") == ("2025-08-25T10:00:00", Kind.DATETIME)


@pytest.mark.parametrize(
    ("text", "zones", "told"),
    [
        ("2025-12-08 10:00:00", ROME, "2025-12-08T10:00:00+01:00"),
        ("2025-12-08 10:00:00Z", ROME, "2025-12-08T10:00:00+00:00"),
        ("2025-07-08 10:00:00", ROME_TO_UTC, "2025-07-08T08:00:00+00:00"),
        ("2025-12-08 10:00:00.123456789-05:30", TO_UTC, "2025-12-08T15:30:00.123456789+00:00"),
        ("2025-12-08", ROME_TO_UTC, "2025-12-08"),
        ("2025-10-26 02:30:00", ROME_TO_UTC, "2025-10-26T01:30:00+00:00"),
        ("2025-03-30 02:30:00", ROME, "NO_SUCH_LOCAL_TIME"),
        ("2025-03-30 02:30:00", ROME_TO_UTC, "NO_SUCH_LOCAL_TIME"),
        ("2025-12-08 10:00:00", TO_UTC, "ZONE_UNKNOWN"),
        ("0001-01-01 00:00:00+05:00", TO_UTC, "NOT_A_DATE"),
        ("9999-12-31 23:00:00-05:00", TO_UTC, "NOT_A_DATE"),
    ],
)
def test_zones(text: str, zones: Zones, told: str) -> None:
    assert one(text, zones=zones)[0] == told


@settings(deadline=None, max_examples=40)
@given(
    st.datetimes(timezones=st.just(UTC) | st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m))))
)
def test_an_instant_stays_that_instant(moment: datetime) -> None:
    assert one(moment.isoformat())[0] == moment.isoformat()
    told, kind = one(moment.isoformat(), zones=TO_UTC)
    assert kind is Kind.BROKEN or datetime.fromisoformat(str(told)) == moment


@settings(deadline=None, max_examples=40)
@given(st.lists(st.dates() | st.datetimes(), min_size=1, max_size=4))
def test_iso_texts_stay_as_they_are(days: list[date | datetime]) -> None:
    texts = [day.isoformat() for day in days]
    assert parsed(pl.Series(texts), "dmy", AS_WRITTEN)["text"].to_list() == texts


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=24), st.sampled_from([AS_WRITTEN, ROME, TO_UTC, ROME_TO_UTC]))
def test_no_text_raises(text: str, zones: Zones) -> None:
    one(text, "mdy", zones)


def test_nothing_stays_nothing() -> None:
    assert parsed(pl.Series([None, "2025-12-08"]), "ymd", AS_WRITTEN)["text"].to_list() == [None, "2025-12-08"]


ALMOST = st.from_regex(r"2025-(0[1-9]|1[0-9])-[0-3][0-9][ T][0-2][0-9]:30:[0-6]5( |\.5|Z)?", fullmatch=True)


@settings(deadline=None, max_examples=40)
@given(st.lists(ALMOST))
def test_columns_that_are_written_alike_are_read_as_their_cells_are(texts: list[str]) -> None:
    """What is read at once, because nothing has to be taken apart, is what each text is read as by itself."""
    column = parsed(pl.Series(texts, dtype=pl.String), "ymd", AS_WRITTEN).rows()
    assert column == [parsed(pl.Series([text, "2025.1.2"]), "ymd", AS_WRITTEN).row(0) for text in texts]
