"""Cases 36 to 47: a moment is converted where its form is beyond doubt, and kept as stored elsewhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from support.scenario import Carry, Scenario, check_scenario


def _kept(name: str, case: int, title: str, declared: str, texts: list[str]) -> Scenario:
    """A column of texts that no rule may touch."""
    return Scenario(
        case=case,
        name=title,
        sql=f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, t {declared});",
        inserts=[(f"INSERT INTO {name} (t) VALUES (?)", (text,)) for text in texts],
        types={f"{name}.t": "text"},
        rows={f"SELECT t FROM {name} ORDER BY id": [(text,) for text in texts]},
        findings=["F-202"],
    )


SCENARIOS = [
    Scenario(
        case=36,
        name="ISO timestamps of one form each",
        sql="CREATE TABLE iso (id INTEGER PRIMARY KEY, plain DATETIME, zulu DATETIME, micro DATETIME,"
        " apart DATETIME);"
        "INSERT INTO iso VALUES"
        " (1, '2024-01-02 03:04:05', '2024-01-02T03:04:05Z', '2024-01-02 03:04:05.123456',"
        " '2024-01-02 03:04:05.678 +00:00');",
        types={
            "iso.plain": "timestamp without time zone",
            "iso.zulu": "timestamp with time zone",
            "iso.micro": "timestamp without time zone",
            "iso.apart": "timestamp with time zone",
        },
        rows={
            "SELECT plain, zulu, micro, apart FROM iso": [
                (
                    datetime(2024, 1, 2, 3, 4, 5),
                    datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
                    datetime(2024, 1, 2, 3, 4, 5, 123456),
                    datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
                )
            ]
        },
        findings=["F-201"],
    ),
    _kept("nanoseconds", 36, "nanoseconds are not cut", "DATETIME", ["2024-01-02 03:04:05.123456789"]),
    _kept(
        "two_forms",
        36,
        "two forms in one column",
        "DATETIME",
        ["2024-01-02 03:04:05", "2024-01-02T03:04:05Z"],
    ),
    _kept(
        "offsets",
        37,
        "an offset is never dropped",
        "TIMESTAMP",
        ["2024-01-02 03:04:05+05:30", "2024-01-02 03:04:05-08:00"],
    ),
    Scenario(
        case=37,
        name="timestamps in UTC asked to lose their zone stay the same moment",
        sql="CREATE TABLE zone_asked (id INTEGER PRIMARY KEY, t TIMESTAMP);"
        "INSERT INTO zone_asked VALUES (1, '2024-01-02T03:04:05Z');",
        policy='[tables.zone_asked.columns.t]\ntype = "timestamp"\n',
        types={"zone_asked.t": "timestamp without time zone"},
        rows={"SELECT t FROM zone_asked": [(datetime(2024, 1, 2, 3, 4, 5),)]},
    ),
    Scenario(
        case=38,
        name="seconds, milliseconds and microseconds, each in a column of its own",
        sql="CREATE TABLE epochs (id INTEGER PRIMARY KEY, s DATETIME, ms DATETIME, us DATETIME);"
        "INSERT INTO epochs VALUES (1, 1627303906, 1627303906122, 1627303906122333), (2, NULL, NULL, NULL);",
        types={
            "epochs.s": "timestamp with time zone",
            "epochs.ms": "timestamp with time zone",
            "epochs.us": "timestamp with time zone",
        },
        rows={
            "SELECT s, ms, us FROM epochs WHERE id = 1": [
                (
                    datetime(2021, 7, 26, 12, 51, 46, tzinfo=UTC),
                    datetime(2021, 7, 26, 12, 51, 46, 122000, tzinfo=UTC),
                    datetime(2021, 7, 26, 12, 51, 46, 122333, tzinfo=UTC),
                )
            ]
        },
        findings=["F-201"],
    ),
    Scenario(
        case=38,
        name="units mixed in one column stay numbers, with text they stay text",
        sql="CREATE TABLE mixed_epochs (id INTEGER PRIMARY KEY, n DATETIME, t DATETIME);"
        "INSERT INTO mixed_epochs VALUES (1, 1627303906, 1627303906),"
        " (2, 1627303906122, 1627303906122333444), (3, 1627303906122333, '2021-07-26 12:51:46');",
        types={"mixed_epochs.n": "bigint", "mixed_epochs.t": "text"},
        rows={
            "SELECT n, t FROM mixed_epochs ORDER BY id": [
                (1627303906, "1627303906"),
                (1627303906122, "1627303906122333444"),
                (1627303906122333, "2021-07-26 12:51:46"),
            ]
        },
        findings=["F-202"],
    ),
    Scenario(
        case=38,
        name="nanoseconds stay numbers",
        sql="CREATE TABLE nanos (id INTEGER PRIMARY KEY, n DATETIME);"
        "INSERT INTO nanos VALUES (1, 1627303906122333444);",
        types={"nanos.n": "bigint"},
        rows={"SELECT n FROM nanos": [(1627303906122333444,)]},
        findings=["F-202"],
    ),
    Scenario(
        case=39,
        name="Julian days are told and kept",
        sql="CREATE TABLE julian (id INTEGER PRIMARY KEY, d DATETIME);"
        "INSERT INTO julian VALUES (1, 2460311.5), (2, 2460312.25);",
        types={"julian.d": "double precision"},
        rows={"SELECT d FROM julian ORDER BY id": [(2460311.5,), (2460312.25,)]},
        findings=["F-202"],
        told=["julian-day"],
    ),
    Scenario(
        case=39,
        name="Julian days asked to be timestamps",
        sql="CREATE TABLE julian_asked (id INTEGER PRIMARY KEY, d DATETIME);"
        "INSERT INTO julian_asked VALUES (1, 2460311.5), (2, 2460312.25);",
        policy='[tables.julian_asked.columns.d]\ntype = "timestamp"\ncodec = "julian-day"\n',
        # 2460311.5 is midnight UTC of 2024-01-02 (US Naval Observatory's converter).
        rows={
            "SELECT d FROM julian_asked ORDER BY id": [
                (datetime(2024, 1, 2),),
                (datetime(2024, 1, 2, 18),),
            ]
        },
    ),
    Scenario(
        case=40,
        name="Unix time with a fraction, to the microsecond",
        sql="CREATE TABLE unix_real (id INTEGER PRIMARY KEY, t DATETIME);"
        "INSERT INTO unix_real VALUES (1, 1704164645.25), (2, 1704164645.123456);",
        types={"unix_real.t": "timestamp with time zone"},
        rows={
            "SELECT t FROM unix_real ORDER BY id": [
                (datetime(2024, 1, 2, 3, 4, 5, 250000, tzinfo=UTC),),
                (datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),),
            ]
        },
        findings=["F-201"],
    ),
    Scenario(
        case=41,
        name="2024 in a DATETIME column is a year or a moment: it stays 2024",
        sql="CREATE TABLE year_or_epoch (id INTEGER PRIMARY KEY, t DATETIME);"
        "INSERT INTO year_or_epoch VALUES (1, 2024), (2, '2025');",
        types={"year_or_epoch.t": "bigint"},
        rows={"SELECT t FROM year_or_epoch ORDER BY id": [(2024,), (2025,)]},
        findings=["F-202"],
        told=["years"],
    ),
    _kept(
        "no_dates",
        42,
        "words that PostgreSQL would take for dates, and zero dates",
        "DATETIME",
        ["0000-00-00", "0000-00-00 00:00:00", "", "null", "NaT", "now", "today", "epoch", "infinity"],
    ),
    Scenario(
        case=42,
        name="a date asked for sets such words aside",
        sql="CREATE TABLE dates_asked (id INTEGER PRIMARY KEY, d DATE);"
        "INSERT INTO dates_asked (d) VALUES"
        " ('2024-01-02'), ('0000-00-00'), (''), ('now'), ('infinity'), ('2024-02-30');",
        policy='[tables.dates_asked.columns.d]\ntype = "date"\ncodec = "iso-date"\n',
        types={"dates_asked.d": "date"},
        rows={"SELECT id, d FROM dates_asked": [(1, date(2024, 1, 2))]},
        findings=["F-218"],
        quarantined=[("dates_asked", number, "not-iso-date") for number in range(2, 7)],
    ),
    _kept(
        "day_first",
        43,
        "orders of day and month are not guessed",
        "DATE",
        ["31/12/2024", "12/31/24", "Jan 2 2024", "01/02/2024"],
    ),
    _kept(
        "edges_of_time",
        44,
        "year 0, years BC, far years and odd clocks",
        "TIMESTAMP",
        [
            "0000-01-01 00:00:00",
            "-0044-03-15 12:00:00",
            "294277-01-01 00:00:00",
            "2024-01-02 24:00:00",
            "2016-12-31 23:59:60",
            "2024-01-02 12:61:00",
        ],
    ),
    _kept("odd_times", 44, "times that are none", "TIME", ["24:00:00", "23:59:60", "12:61:00"]),
    Scenario(
        case=44,
        name="the first and last moments that have an ISO form",
        sql="CREATE TABLE ends_of_iso (id INTEGER PRIMARY KEY, t TIMESTAMP, d DATE, c TIME);"
        "INSERT INTO ends_of_iso VALUES (1, '0001-01-01 00:00:00', '0001-01-01', '00:00:00'),"
        " (2, '9999-12-31 23:59:59', '9999-12-31', '23:59:59');",
        types={
            "ends_of_iso.t": "timestamp without time zone",
            "ends_of_iso.d": "date",
            "ends_of_iso.c": "time without time zone",
        },
        rows={
            "SELECT t, d, c FROM ends_of_iso ORDER BY id": [
                (datetime(1, 1, 1), date(1, 1, 1), time(0)),
                (datetime(9999, 12, 31, 23, 59, 59), date(9999, 12, 31), time(23, 59, 59)),
            ]
        },
        findings=["F-201"],
    ),
    Scenario(
        case=45,
        name="CURRENT_TIMESTAMP goes on giving UTC whatever the session's zone is",
        sql="CREATE TABLE stamped (id INTEGER PRIMARY KEY, t DATETIME DEFAULT CURRENT_TIMESTAMP,"
        " d DATE DEFAULT CURRENT_DATE, s TEXT DEFAULT CURRENT_TIMESTAMP);"
        "INSERT INTO stamped VALUES (1, '2024-01-02 03:04:05', '2024-01-02', '2024-01-02 03:04:05');",
        types={"stamped.t": "timestamp without time zone", "stamped.d": "date", "stamped.s": "text"},
        rows={
            "SELECT set_config('timezone', 'Asia/Tokyo', true)": [("Asia/Tokyo",)],
            "INSERT INTO stamped DEFAULT VALUES RETURNING"
            " t = date_trunc('second', now() AT TIME ZONE 'utc'), d = (now() AT TIME ZONE 'utc')::date,"
            " s = to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD HH24:MI:SS')": [(True, True, True)],
        },
        findings=["F-201"],
    ),
    _kept(
        "date_and_time", 46, "a DATE column with times in it", "DATE", ["2024-01-02", "2024-01-02 03:04:05"]
    ),
    Scenario(
        case=46,
        name="a DATE column of nothing but timestamps keeps their times",
        sql="CREATE TABLE date_of_timestamps (id INTEGER PRIMARY KEY, d DATE);"
        "INSERT INTO date_of_timestamps VALUES (1, '2024-01-02 03:04:05');",
        types={"date_of_timestamps.d": "timestamp without time zone"},
        rows={"SELECT d FROM date_of_timestamps": [(datetime(2024, 1, 2, 3, 4, 5),)]},
        findings=["F-201"],
    ),
    Scenario(
        case=46,
        name="a DATETIME column of nothing but dates becomes date, and says what that means",
        sql="CREATE TABLE datetime_of_dates (id INTEGER PRIMARY KEY, d DATETIME);"
        "INSERT INTO datetime_of_dates VALUES (1, '2024-01-02');",
        types={"datetime_of_dates.d": "date"},
        rows={"SELECT d FROM datetime_of_dates": [(date(2024, 1, 2),)]},
        findings=["F-202"],
        told=["cuts the time off"],
    ),
    Scenario(
        case=47,
        name="local times without a zone get none, so no hour is doubled or missing",
        sql="CREATE TABLE local_times (id INTEGER PRIMARY KEY, t TIMESTAMP);"
        "INSERT INTO local_times VALUES (1, '2024-10-27 02:30:00'), (2, '2024-03-31 02:30:00');",
        types={"local_times.t": "timestamp without time zone"},
        rows={
            "SELECT set_config('timezone', 'Europe/Berlin', true)": [("Europe/Berlin",)],
            "SELECT t FROM local_times ORDER BY id": [
                (datetime(2024, 10, 27, 2, 30),),
                (datetime(2024, 3, 31, 2, 30),),
            ],
        },
        findings=["F-201"],
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_dates_and_times(scenario: Scenario, carry: Carry) -> None:
    check_scenario(scenario, carry(SCENARIOS, scenario))
