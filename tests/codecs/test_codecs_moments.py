"""Epochs, Julian days and ISO texts become the moments PostgreSQL prints, and come back exactly."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.codecs.registry import get_codec
from howdah.errors import UsageError
from support.codec_crossing import Crossing, Value, values_of

UNITS = {"epoch-s": 1, "epoch-ms": 1_000, "epoch-us": 1_000_000}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

EDGES = [
    EPOCH, EPOCH - timedelta(microseconds=1), FIRST, LAST, datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2000, 2, 29, 12, tzinfo=UTC), datetime(1900, 2, 28, 23, 59, 59, tzinfo=UTC),
    datetime(1900, 3, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1582, 10, 15, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
]  # fmt: skip

MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def as_postgresql_prints(moment: datetime) -> str:
    text = moment.replace(tzinfo=None).isoformat(" ")
    return text.rstrip("0") if "." in text else text


@pytest.mark.parametrize("codec", UNITS)
@pytest.mark.parametrize("pg_type", ["timestamp", "timestamptz"])
def test_epochs_become_the_moment_they_count(crossing: Crossing, codec: str, pg_type: str) -> None:
    counts = [microseconds(moment) // (1_000_000 // UNITS[codec]) for moment in EDGES]
    carried = crossing.assert_exact(codec, [*counts, None], pg_type)
    assert carried.reasons == {}
    zone = "+00" if pg_type == "timestamptz" else ""
    for count, shown in zip(counts, carried.shown, strict=False):
        moment = EPOCH + timedelta(microseconds=count * (1_000_000 // UNITS[codec]))
        assert shown == as_postgresql_prints(moment) + zone


def test_the_vectors_of_postgresqls_own_to_timestamp(crossing: Crossing) -> None:
    counts = [0, -1, 1_609_459_200, 951_782_400, -62_135_596_800, 253_402_300_799, 4_102_444_800]
    carried = crossing.carry("epoch-s", counts, "timestamptz")
    expected = [crossing.query("SELECT to_timestamp(%s)::text", (count,))[0][0] for count in counts]
    assert carried.shown == expected


@pytest.mark.parametrize("codec", UNITS)
@given(count=st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=25, deadline=None)
def test_any_count_comes_back_or_is_out_of_range(crossing: Crossing, codec: str, count: int) -> None:
    carried = crossing.assert_exact(codec, [count], "timestamptz")
    assert set(carried.reasons.values()) <= {"timestamp-out-of-range"}


def test_the_range_of_timestamps_is_used_to_its_ends(crossing: Crossing) -> None:
    earliest = -210_866_803_200_000_000  # 4714-11-24 BC, Julian day 0
    values = [earliest, earliest - 1, 2**63 - 1, -(2**63)]
    carried = crossing.assert_exact("epoch-us", values, "timestamp")
    assert carried.reasons == {1: "timestamp-out-of-range", 3: "timestamp-out-of-range"}
    assert carried.shown[0] == "4714-11-24 00:00:00 BC"


def test_milliseconds_taken_for_seconds_show_an_absurd_year(crossing: Crossing) -> None:
    """A wrong unit inverts too; the year is what gives it away."""
    carried = crossing.assert_exact("epoch-s", [1_700_000_000_000], "timestamptz")
    assert carried.shown == [crossing.query("SELECT to_timestamp(1700000000000)::text")[0][0]]
    assert carried.shown == ["55840-11-08 22:13:20+00"]


def test_dates_take_midnights_only(crossing: Crossing) -> None:
    values = [0, 86_400, -86_400, 951_782_400, 1, 86_399, None]
    carried = crossing.assert_exact("epoch-s", values, "date")
    assert carried.reasons == {4: "not-midnight", 5: "not-midnight"}
    assert carried.shown == ["1970-01-01", "1970-01-02", "1969-12-31", "2000-02-29", None, None, None]


def test_timestamps_with_a_precision_take_what_they_do_not_round(crossing: Crossing) -> None:
    values = [1_700_000_000_123_000, 1_700_000_000_123_456]
    carried = crossing.assert_exact("epoch-us", values, "timestamp(3) with time zone")
    assert carried.reasons == {1: "timestamp-rounds"}


def test_epochs_of_other_classes_are_set_aside(crossing: Crossing) -> None:
    carried = crossing.carry("epoch-ms", [1, 1.5, "1", b"1"], "timestamptz")
    assert carried.reasons == dict.fromkeys((1, 2, 3), "not-epoch")


def test_a_moment_between_two_units_is_not_taken_for_either(crossing: Crossing) -> None:
    crossing.assert_exact("epoch-s", [1, 2], "timestamp")
    crossing.execute("UPDATE t SET value = value + interval '1 microsecond' WHERE row_number = 0")
    assert values_of(crossing.read_back(get_codec("epoch-s"), {})) == ["1000001us", 2]


def test_infinity_equals_no_epoch(crossing: Crossing) -> None:
    crossing.assert_exact("epoch-us", [1, 2], "timestamp")
    crossing.execute(
        "UPDATE t SET value = CASE row_number WHEN 0 THEN 'infinity' ELSE '-infinity' END::timestamp"
    )
    decoded = crossing.read_back(get_codec("epoch-us"), {})
    assert crossing.carry("epoch-us", values_of(decoded), "timestamp").reasons.keys() == {0, 1}


def test_real_seconds_keep_their_microseconds(crossing: Crossing) -> None:
    values = [1704164645.25, 1700000000.123, 0.0, -0.5, 1e-6, 1700000000.123456, 8589934591.5]
    carried = crossing.assert_exact("epoch-real", values, "timestamptz")
    assert carried.reasons == {}
    assert carried.shown[0] == "2024-01-02 03:04:05.25+00"
    assert carried.shown[5] == "2023-11-14 22:13:20.123456+00"


def test_real_seconds_that_would_not_come_back_are_set_aside(crossing: Crossing) -> None:
    values: list[Value] = [1700000000.1234567, -0.0, 8589934592.0, float("inf"), 1e300, 1e-7, 1, "1"]
    carried = crossing.assert_exact("epoch-real", values, "timestamptz")
    assert carried.reasons == {
        0: "not-a-microsecond",
        1: "not-a-microsecond",
        2: "timestamp-out-of-range",
        3: "timestamp-out-of-range",
        4: "timestamp-out-of-range",
        5: "not-a-microsecond",
        6: "not-epoch",
        7: "not-epoch",
    }


@given(values=st.lists(st.floats(-(2.0**34), 2.0**34), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_any_real_second_comes_back_or_is_set_aside(crossing: Crossing, values: list[float]) -> None:
    crossing.assert_exact("epoch-real", values, "timestamp")


@given(values=st.lists(st.integers(-(2**33) * 10**6 + 1, 2**33 * 10**6 - 1), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_every_microsecond_has_a_double_of_its_own(crossing: Crossing, values: list[int]) -> None:
    reals = [value / 1e6 for value in values]
    assert crossing.assert_exact("epoch-real", reals, "timestamp").reasons == {}


def test_julian_days_are_sqlites_own(crossing: Crossing) -> None:
    texts = [
        "2024-02-29 12:34:56.789",
        "1970-01-01 00:00:00",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999",
    ]
    with sqlite3.connect(":memory:") as connection:
        days = [connection.execute("SELECT julianday(?)", (text,)).fetchone()[0] for text in texts]
    carried = crossing.assert_exact("julian-day", days, "timestamp")
    assert carried.reasons == {}
    assert carried.shown == [text.removesuffix(" BC") for text in texts]
    other = crossing.assert_exact("julian-day", [2451545.123456789, 0.0, 1e9, float("inf"), 1], "timestamp")
    assert other.reasons == {
        0: "not-a-millisecond",
        1: "timestamp-out-of-range",
        2: "timestamp-out-of-range",
        3: "timestamp-out-of-range",
        4: "not-julian-day",
    }


def written(moment: datetime, text_format: str) -> str:
    """Write a moment in a census format with Python's datetime."""
    separator, rest = text_format[0], text_format[1:]
    zone = next(zone for zone in (" +00:00", "+00:00", "Z", "") if rest.endswith(zone))
    fraction = rest[: len(rest) - len(zone)]
    naive = moment.replace(tzinfo=None)
    if fraction == "0/6":
        return naive.isoformat(separator) + zone
    full = naive.isoformat(separator, "microseconds")
    digits = int(fraction)
    return (full[: 20 + digits] if digits else full[:19]) + zone


FORMATS = [
    separator + fraction + zone
    for separator in " T"
    for fraction in ("0", "1", "2", "3", "4", "5", "6", "0/6")
    for zone in ("", "Z", "+00:00", " +00:00")
]


@pytest.mark.parametrize("text_format", FORMATS)
def test_iso_texts_of_every_format_come_back(crossing: Crossing, text_format: str) -> None:
    texts = [written(moment, text_format) for moment in EDGES]
    for pg_type in ("timestamp", "timestamptz"):
        carried = crossing.assert_exact("iso-datetime", [*texts, None], pg_type, {"format": text_format})
        assert carried.reasons == {}
        for text, shown in zip(texts, carried.shown, strict=False):
            expected = as_postgresql_prints(datetime.fromisoformat(text.replace(" +", "+")))
            assert shown == expected + ("+00" if pg_type == "timestamptz" else "")


@given(moments=st.lists(MOMENTS, min_size=1, max_size=30), text_format=st.sampled_from(FORMATS))
@settings(max_examples=60, deadline=None)
def test_any_moment_comes_back_as_its_text(
    crossing: Crossing, moments: list[datetime], text_format: str
) -> None:
    texts = [written(moment, text_format) for moment in moments]
    assert crossing.assert_exact("iso-datetime", texts, "timestamptz", {"format": text_format}).reasons == {}


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "epoch", "infinity", "today", "null", "NaT", "2024", "0000-00-00T00:00:00.000Z",
        "0000-01-01T00:00:00.000Z", "2023-02-29T00:00:00.000Z", "1900-02-29T00:00:00.000Z",
        "2024-02-30T00:00:00.000Z", "2024-13-01T00:00:00.000Z", "2024-00-01T00:00:00.000Z",
        "2024-04-31T00:00:00.000Z", "2024-01-00T00:00:00.000Z", "2024-01-32T00:00:00.000Z",
        "2024-01-01T24:00:00.000Z", "2024-01-01T23:60:00.000Z", "2024-01-01T23:59:60.000Z",
        "2024-01-01 00:00:00.000Z", "2024-01-01T00:00:00.000", "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00.0000Z", "2024-01-01T00:00:00,000Z", "2024-01-01T00:00:00.00\u0660Z",
        "2024-01-01t00:00:00.000z", "2024/01/01T00:00:00.000Z", "+024-01-01T00:00:00.000Z",
        "2024-01-01T00:00:00.00:Z", "2024-01-01T00:00:00./00Z", "2024-01-01T0\x00:00:00.000Z",
        "2024-01-01T00:00:00.000+", " 2024-01-01T00:00:00.00Z",
    ],
)  # fmt: skip
def test_text_that_is_no_moment_of_the_format_is_set_aside(crossing: Crossing, text: str) -> None:
    values: list[Value] = ["2024-02-29T00:00:00.000Z", text, None]
    carried = crossing.assert_exact("iso-datetime", values, "timestamptz", {"format": "T3Z"})
    assert carried.reasons == {1: "not-iso-datetime"}


def test_pythons_isoformat_never_writes_six_zeros(crossing: Crossing) -> None:
    values = ["2024-01-01 00:00:00", "2024-01-01 00:00:00.000000", "2024-01-01 00:00:00.000001"]
    carried = crossing.assert_exact("iso-datetime", values, "timestamp", {"format": " 0/6"})
    assert carried.reasons == {1: "not-iso-datetime"}


def test_every_day_of_four_centuries(crossing: Crossing) -> None:
    first = date(1899, 12, 31)
    days = [(first + timedelta(days=number)).isoformat() for number in range(146_097 + 2)]
    carried = crossing.assert_exact("iso-date", days, "date")
    assert carried.reasons == {}
    assert carried.shown == days


@pytest.mark.parametrize(
    "text", ["2023-02-29", "0000-01-01", "10000-01-01", "2024-1-1", "today", "2024-01-01 "]
)
def test_text_that_is_no_date_is_set_aside(crossing: Crossing, text: str) -> None:
    values: list[Value] = ["0001-01-01", text, "9999-12-31", None, 20240101]
    carried = crossing.assert_exact("iso-date", values, "date")
    assert carried.reasons == {1: "not-iso-date", 4: "not-iso-date"}


@pytest.mark.parametrize("fraction", ["0", "3", "6", "0/6"])
def test_times_of_day_come_back(crossing: Crossing, fraction: str) -> None:
    times = [
        time(0),
        time(23, 59, 59),
        time(23, 59, 59, 999_000),
        time(12, 34, 56, 1_000),
        time(0, 0, 0, 5_000),
    ]
    spec = {"0": "seconds", "3": "milliseconds", "6": "microseconds", "0/6": "auto"}[fraction]
    texts = [moment.isoformat(spec) for moment in times]
    carried = crossing.assert_exact("iso-time", texts, "time", {"format": fraction})
    assert carried.reasons == {}
    expected = [crossing.query("SELECT %s::time::text", (text,))[0][0] for text in texts]
    assert carried.shown == expected


def test_text_that_is_no_time_is_set_aside(crossing: Crossing) -> None:
    values: list[Value] = [
        "24:00:00",
        "12:60:00",
        "12:00:60",
        "1:00:00",
        "noon",
        "12:00",
        "12:00:00",
        b"12:00:00",
    ]
    carried = crossing.assert_exact("iso-time", values, "time")
    assert set(carried.reasons) == {0, 1, 2, 3, 4, 5, 7}
    assert crossing.carry("iso-time", ["12:00:00.001"], "time(2)", {"format": "3"}).reasons == {
        0: "time-rounds"
    }


def test_what_a_format_cannot_show_is_shown_in_full(crossing: Crossing) -> None:
    """A microsecond added to a column of milliseconds must not be cut off by reading back."""
    for text_format, text in (("T3Z", "2024-01-01T00:00:00.500Z"), ("T0", "2024-01-01T00:00:00")):
        params = {"format": text_format}
        crossing.assert_exact("iso-datetime", [text, text], "timestamptz", params)
        crossing.execute("UPDATE t SET value = value + interval '1 microsecond' WHERE row_number = 0")
        decoded = values_of(crossing.read_back(get_codec("iso-datetime"), params))
        assert decoded[0] != text
        assert decoded[1] == text


@pytest.mark.parametrize("damage", ["'infinity'", "'-infinity'", "'10000-01-01'", "'0001-12-31 BC'"])
def test_moments_outside_the_calendar_of_iso_texts_equal_none(crossing: Crossing, damage: str) -> None:
    for codec, pg_type, text, params in (
        ("iso-datetime", "timestamp", "2024-01-01 00:00:00", {"format": " 0"}),
        ("iso-date", "date", "2024-01-01", {}),
    ):
        crossing.assert_exact(codec, [text, text], pg_type, params)
        crossing.execute(f"UPDATE t SET value = {damage} WHERE row_number = 0")
        decoded = values_of(crossing.read_back(get_codec(codec), params))
        assert decoded[0] != text
        assert decoded[1] == text


def test_midnight_at_the_end_of_the_day_is_not_midnight(crossing: Crossing) -> None:
    crossing.assert_exact("iso-time", ["00:00:00"], "time")
    crossing.execute("UPDATE t SET value = '24:00:00'")
    assert values_of(crossing.read_back(get_codec("iso-time"), {})) != ["00:00:00"]


@pytest.mark.parametrize("text_format", ["", "T", "X3Z", "T7Z", "T3+01:00", "3Z", "T3ZZ"])
def test_an_unknown_format_is_refused(crossing: Crossing, text_format: str) -> None:
    with pytest.raises(UsageError) as caught:
        crossing.carry("iso-datetime", ["2024-01-01T00:00:00.000Z"], "timestamp", {"format": text_format})
    assert caught.value.code == "C-103"
