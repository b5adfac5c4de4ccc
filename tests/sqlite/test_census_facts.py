"""The census says what counting every value with Python's own modules says."""

from __future__ import annotations

import json
import math
import sqlite3
import tempfile
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from howdah.model.census import ColumnCensus, TableCensus
from howdah.model.limits import BATCH_BYTES, BATCH_ROWS
from howdah.sqlite.census import take_census, take_table_census
from howdah.sqlite.connect import open_snapshot
from support.files import make_database
from support.shared import shared_path
from support.stored_values import Text, catalog_of, insert_values, stored_values, table_of

# --- What Python makes of values ---------------------------------------------------------------


def is_integer(text: str) -> bool:
    try:
        return str(int(text)) == text and -(2**63) <= int(text) < 2**63
    except ValueError:
        return False


def is_decimal(text: str) -> bool:
    digits = text.removeprefix("-")
    whole, point, fraction = digits.partition(".")
    if not (whole.isascii() and whole.isdigit()) or (len(whole) > 1 and whole[0] == "0"):
        return False
    if point and not (fraction.isascii() and fraction.isdigit()):
        return False
    return not (text.startswith("-") and Decimal(text).is_zero())


def is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_time(text: str) -> bool:
    clock, point, fraction = text.partition(".")
    try:
        if datetime.strptime(clock, "%H:%M:%S").strftime("%H:%M:%S") != clock:
            return False
    except ValueError:
        return False
    return not point or (fraction.isascii() and fraction.isdigit() and len(fraction) <= 9)


def split_datetime(text: str) -> tuple[str, str, str] | None:
    """Return separator, digits after the second and zone of a timestamp."""
    if not is_date(text[:10]) or text[10:11] not in ("T", " ") or not text[10:11]:
        return None
    clock, zone = text[11:], ""
    if clock.endswith("Z"):
        clock, zone = clock[:-1], "Z"
    elif clock[-6:-5] in ("+", "-") and clock[-6:-5]:
        clock, zone = clock[:-6], clock[-6:]
        hours, colon, minutes = zone[1:].partition(":")
        if colon != ":" or not (hours + minutes).isdigit() or not (hours + minutes).isascii():
            return None
        if len(zone) != 6 or len(hours) != 2 or int(hours) > 23 or int(minutes) > 59:
            return None
        if clock.endswith(" "):
            clock, zone = clock[:-1], f" {zone}"
    return (text[10], clock[9:], zone) if is_time(clock) else None


def refuse(constant: str) -> None:
    raise ValueError(constant)


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


def is_uuid(text: str) -> bool:
    try:
        return len(text) == 36 and str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def is_hex32(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


TEXT_SHAPES: dict[str, Callable[[str], bool]] = {
    "integer": is_integer,
    "decimal": is_decimal,
    "iso-date": is_date,
    "iso-time": is_time,
    "iso-datetime": lambda text: split_datetime(text) is not None,
    "json": is_json,
    "uuid": is_uuid,
    "uuid-lower": lambda text: is_uuid(text) and text == text.lower(),
    "uuid-upper": lambda text: is_uuid(text) and text == text.upper(),
    "uuid-hex32": is_hex32,
    "boolean-word": lambda text: (
        text.lower() in ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off")
    ),
}


def fraction_format(fractions: set[str]) -> str:
    digits = {len(fraction) for fraction in fractions}
    if digits == {0, 6}:
        return "" if "000000" in fractions else "0/6"
    return str(digits.pop()) if len(digits) == 1 and max(digits) <= 6 else ""


def datetime_format(texts: Sequence[str]) -> str:
    parts = [split_datetime(text) for text in texts]
    forms = [part for part in parts if part is not None]
    separators, zones = {form[0] for form in forms}, {form[2] for form in forms}
    fraction = fraction_format({form[1] for form in forms})
    if len(forms) < len(texts) or len(separators) != 1 or len(zones) != 1 or not fraction:
        return ""
    zone = zones.pop()
    return separators.pop() + fraction + zone if zone in ("", "Z", "+00:00", " +00:00") else ""


def between_1990_and_2100(seconds: float) -> bool:
    start = datetime(1970, 1, 1)
    return (
        (datetime(1990, 1, 1) - start).total_seconds()
        <= seconds
        < (datetime(2100, 1, 1) - start).total_seconds()
    )


def is_valid_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


INTEGER_SHAPES: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: value in (0, 1),
    "year": lambda value: 1000 <= value <= 2999,
    "epoch-s": between_1990_and_2100,
    "epoch-ms": lambda value: between_1990_and_2100(value / 1_000),
    "epoch-us": lambda value: between_1990_and_2100(value / 1_000_000),
}
REAL_SHAPES: dict[str, Callable[[Any], bool]] = {
    "epoch-s": between_1990_and_2100,
    "julian-day": lambda value: 2447892.5 <= value < 2488069.5,
}
BLOB_SHAPES: dict[str, Callable[[Any], bool]] = {
    "uuid16": lambda blob: len(blob) == 16,
    "utf8": is_valid_utf8,
    "without-nul": lambda blob: 0 not in blob,
}


def shapes_of(values: Sequence[Any], shapes: dict[str, Callable[[Any], bool]]) -> set[str]:
    """Return the shapes that hold for every value, none without a value."""
    return {shape for shape, holds in shapes.items() if values and all(map(holds, values))}


def count_column(name: str, values: Sequence[Any], *, declared_json: bool) -> dict[str, Any]:
    """Count what the census must say of a column; texts are `Text`, blobs are bytes."""
    integers = [value for value in values if type(value) is int]
    reals = [value for value in values if type(value) is float]
    contents = [value for value in values if type(value) is Text]
    blobs = [value for value in values if type(value) is bytes]
    finite = [value for value in reals if not math.isinf(value)]
    texts = [content.decode() for content in contents if is_valid_utf8(content)]
    all_valid = len(texts) == len(contents)
    shapes = {
        shape
        for shape, holds in TEXT_SHAPES.items()
        if contents and all_valid and all(holds(text) for text in texts)
    }
    documents = sum(is_json(text) and text.strip(" \t\r\n")[0] in "{[" for text in texts)
    scales = [-min(int(Decimal(repr(value)).normalize().as_tuple().exponent), 0) for value in finite]
    before_point = [max(Decimal(repr(value)).adjusted() + 1, 0) for value in (*integers, *finite) if value]
    return {
        "name": name,
        "nulls": sum(value is None for value in values),
        "integers": len(integers),
        "reals": len(reals),
        "texts": len(contents),
        "blobs": len(blobs),
        "integer_min": min(integers, default=None),
        "integer_max": max(integers, default=None),
        "real_min": min(reals, default=None),
        "real_max": max(reals, default=None),
        "real_infinities": len(reals) - len(finite),
        "real_integral": sum(value.is_integer() for value in finite),
        "real_scale_max": max(scales, default=None),
        "numeric_digits_max": max(before_point, default=0),
        "text_bytes_max": max(map(len, contents), default=0),
        "text_chars_max": max((len(content.decode(errors="replace")) for content in contents), default=0),
        "blob_bytes_max": max(map(len, blobs), default=0),
        "bytes_total": 8 * len(integers + reals) + sum(map(len, contents)) + sum(map(len, blobs)),
        "texts_empty": sum(not content for content in contents),
        "texts_with_nul": sum(content.count(0) > 0 for content in contents),
        "texts_invalid_utf8": len(contents) - len(texts),
        "big_values": 0,
        "json_documents": documents if declared_json or "json" in shapes else 0,
        "text_shapes": shapes,
        "datetime_format": datetime_format(texts) if "iso-datetime" in shapes else "",
        "time_format": fraction_format({text[9:] for text in texts}) if "iso-time" in shapes else "",
        "integer_shapes": shapes_of(integers, INTEGER_SHAPES),
        "real_shapes": shapes_of(reals, REAL_SHAPES),
        "blob_shapes": shapes_of(blobs, BLOB_SHAPES),
    }


def facts_of(census: ColumnCensus) -> dict[str, Any]:
    """The census in the same form; jsonb and samples have tests of their own."""
    facts = {name: getattr(census, name) for name in census.__dataclass_fields__ if name != "samples"}
    facts["text_shapes"] = set(census.text_shapes) - {"jsonb-safe"}
    facts["integer_shapes"], facts["real_shapes"] = set(census.integer_shapes), set(census.real_shapes)
    facts["blob_shapes"] = set(census.blob_shapes) - {"jsonb"}
    return facts


def stored_in(path: Path, table: str, column: str) -> list[Any]:
    """Return the values of a column as sqlite3 gives them, texts as `Text`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = Text
        return [row[0] for row in connection.execute(f'SELECT "{column}" FROM "{table}" NOT INDEXED')]


# --- Values ------------------------------------------------------------------------------------

dates = st.dates().map(date.isoformat)
clocks = st.times().map(lambda time: time.isoformat("seconds"))
zones = st.sampled_from(
    ["", "", "Z", "+00:00", " +00:00", "+02:00", " +02:00", " -00:00", "  +00:00", " Z", "-00:00", "+24:00"]
)
fractions = st.sampled_from(["", ".5", ".123", ".000000", ".123456", ".123456789", ".", ".1234567890"])
timestamps = st.builds(
    lambda day, separator, clock, fraction, zone: f"{day}{separator}{clock}{fraction}{zone}",
    dates,
    st.sampled_from(["T", " ", "t"]),
    clocks,
    fractions,
    zones,
)
python_isoformat = st.datetimes().map(datetime.isoformat)
near_dates = st.sampled_from(
    ["2023-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "2023-13-01"]
)
near_times = st.sampled_from(["24:00:00", "23:59:60", "1:02:03", "12:34", "12:34:56.", "12:34:5６"])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
near_json = st.sampled_from(
    [
        *("NaN", "-Infinity", "01", "1.", ".5", "+1", "{'a':1}", "[1,]", '"\t"', "{a:1}", "nul", " "),
        *("1e5", "-", "-0", "// x\n1", "\ufeff1", "[1] \n", "\f1", '"a\0"', "1\0", "{}\0}"),
        *('"\\u12"', '"\\x41"', '"\\ud800"'),
    ]
)
json_texts = documents.map(json.dumps) | documents.map(
    lambda value: json.dumps(value, ensure_ascii=False, indent=1)
)
uuids = st.uuids().map(str)
words = st.sampled_from(["true", "False", "t", "N", "yes", "on", "OFF", "maybe", "ＯＮ"])
numbers = st.integers(-(2**65), 2**65).map(str) | st.sampled_from(
    ["-0", "007", "1_0", "１", " 1", "1.50", "-0.0", "1e3"]
)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str)

#: A column is drawn from one or two of these, so that many keep a shape and many just lose it.
THEMES = {
    "dates": dates,
    "near dates": near_dates,
    "times": st.builds(lambda clock, fraction: clock + fraction, clocks, fractions),
    "near times": near_times,
    "timestamps": timestamps,
    "isoformat": python_isoformat,
    "milliseconds": st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    "json": json_texts,
    "near json": near_json,
    "uuids": uuids,
    "UUIDS": uuids.map(str.upper),
    "hex": st.uuids().map(lambda value: value.hex),
    "words": words,
    "numbers": numbers,
    "decimals": decimals,
    "any": st.text(max_size=10),
}
ABBREVIATED = {
    "booleans": st.integers(0, 1),
    "years": st.integers(999, 3000),
    "seconds": st.integers(631_151_999, 4_102_444_800),
    "milliseconds": st.integers(631_152_000_000 - 1, 4_102_444_800_000),
    "microseconds": st.integers(631_152_000_000_000 - 1, 4_102_444_800_000_000),
    "prices": st.integers(0, 10**9).map(lambda cents: cents / 100),
    "reals": st.floats(allow_nan=False),
    "unit": st.floats(0, 1),
    "epoch reals": st.floats(631_152_000.0, 4_102_444_799.0),
    "julian": st.floats(2_447_892.5, 2_488_069.0),
    "uuid16": st.binary(min_size=16, max_size=16),
    "utf8": st.text(max_size=5).map(str.encode),
}


@st.composite
def themed_columns(draw: st.DrawFn) -> list[Any]:
    """Draw the values of a column."""
    texts = draw(st.lists(st.sampled_from(sorted(THEMES)), min_size=1, max_size=2))
    drawn: list[st.SearchStrategy[Any]] = [
        THEMES[name].map(lambda text: Text(text.encode())) for name in texts
    ]
    kind = draw(st.sampled_from(["texts", "others", "mixed", "anything"]))
    others = [ABBREVIATED[draw(st.sampled_from(sorted(ABBREVIATED)))]]
    if kind == "others":
        drawn = list(others)
    elif kind == "mixed":
        drawn += others
    elif kind == "anything":
        drawn = [stored_values]
    return draw(st.lists(st.one_of(st.none(), *drawn), max_size=25))


@settings(max_examples=400, deadline=None)
@given(st.lists(themed_columns(), min_size=1, max_size=4), st.booleans())
@example([[Text(b'{"a":1}'), Text(b"[] x")]], True)
@example([[Text(b"2024-01-01T00:00:00"), Text(b"2024-01-01T00:00:00.000000")]], False)
@example([[9.999999999999999e22, 1e23, 0.1 + 0.2]], False)
def test_random_columns_are_counted_exactly(columns: list[list[Any]], declared_json: bool) -> None:
    height = max(map(len, columns))
    rows = [[column[at] if at < len(column) else None for column in columns] for at in range(height)]
    names = [f"c{position}" for position in range(len(columns))]
    kind = "JSON" if declared_json else ""
    # A column declared JSON has NUMERIC affinity, which would turn texts into numbers.
    kind += " BLOB" if declared_json else ""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "t.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name in names)})")
            insert_values(connection, "t", rows)
            connection.commit()
        census = take_census(str(path), [table_of(path, "t")]).table("t")
        assert census.rows == height
        for name in names:
            values = stored_in(path, "t", name)
            assert facts_of(census.column(name)) == count_column(name, values, declared_json=declared_json)


@pytest.mark.parametrize(
    "kinds",
    [
        "'2024-05-06T07:08:09.123Z'",
        "'{\"a\": [1, ' || i || ']}'",
        "i / 100.0",
        "1.5 * i",
        "CASE i % 3 WHEN 0 THEN i WHEN 1 THEN 'x' || i ELSE NULL END",
        "x'00112233445566778899aabbccddeeff'",
        "char(228, 8364, 128024) || i",
        "NULL",
        "random() / 9223372036854775808.0",
    ],
)
@pytest.mark.parametrize(
    ("at", "exception"),
    [(1, "'no'"), (4_200, "x'ff'"), (9_000, "2.5"), (8_999, "'{\"a\":1'"), (9_000, "NULL")],
)
def test_a_single_exception_anywhere_in_a_long_table_is_seen(
    tmp_path: Path, kinds: str, at: int, exception: str
) -> None:
    path = make_database(
        tmp_path / "t.db",
        "CREATE TABLE t (a);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
        f" INSERT INTO t SELECT CASE i WHEN {at} THEN {exception} ELSE {kinds} END FROM n;",
    )
    census = take_census(str(path), [table_of(path, "t")]).table("t")
    expected = count_column("a", stored_in(path, "t", "a"), declared_json=False)
    assert facts_of(census.column("a")) == expected


def test_texts_that_begin_late_in_a_table_are_checked_as_json_all_the_same(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "late.db",
        "CREATE TABLE t (good, bad);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        " INSERT INTO t SELECT iif(i > 6000, '[' || i || ']', NULL), iif(i > 6000, '[' || i, NULL) FROM n;"
        "UPDATE t SET bad = bad || ']' WHERE rowid < 19999;",
    )
    census = take_census(str(path), [table_of(path, "t")]).table("t")
    assert "json" in census.column("good").text_shapes
    assert census.column("good").json_documents == 14_000
    assert "json" not in census.column("bad").text_shapes
    assert census.column("bad").json_documents == 0


def test_documents_are_counted_in_columns_declared_json_whatever_else_is_there(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "j.db",
        "CREATE TABLE t (a JSON, b TEXT);"
        "INSERT INTO t VALUES ('{}', '{}'), ('not json', 'not json'), ('\"scalar\"', ''),"
        " (' [1]', '[1]'), (7, 7);",
    )
    census = take_census(str(path), [table_of(path, "t")]).table("t")
    assert census.column("a").json_documents == 2
    assert census.column("b").json_documents == 0


def test_sqlite_jsonb_blobs_are_recognised(tmp_path: Path) -> None:
    import apsw

    path = tmp_path / "jsonb.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(
            "CREATE TABLE t (good, bad);"
            """INSERT INTO t VALUES (jsonb('{"a":[1,2,"x"]}'), jsonb('[1]')), (jsonb('7'), x'1b31ff')"""
        )
    census = take_census(str(path), [table_of(path, "t")]).table("t")
    assert "jsonb" in census.column("good").blob_shapes
    assert "jsonb" not in census.column("bad").blob_shapes


def test_samples_are_up_to_five_distinct_literals(tmp_path: Path) -> None:
    path = tmp_path / "samples.db"
    stored = [1, 1, 1.0, Text(b"it's"), Text(b"a\0b"), b"\x00\xff", 2]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        insert_values(connection, "t", [[value] for value in stored])
        connection.execute("CREATE TABLE u (a)")
        insert_values(connection, "u", [[Text(b"x" * 100)], [float("inf")], [Text(b"\xff")]])
        connection.commit()
    census = take_census(str(path), catalog_of(path).tables)
    samples = census.table("t").column("a").samples
    assert len(samples) == 5
    assert set(samples) < {"1", "2", "1.0", "'it''s'", "CAST(x'610062' AS TEXT)", "x'00ff'"}
    assert set(census.table("u").column("a").samples) == {
        f"'{'x' * 60}…'",
        "9e999",
        "CAST(x'ff' AS TEXT)",
    }


def test_marks_divide_a_table_by_rows_and_by_bytes(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "marks.db",
        "CREATE TABLE narrow (a); CREATE TABLE wide (a); CREATE TABLE few (a);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO narrow SELECT i FROM n;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " INSERT INTO wide SELECT zeroblob(i * 10) FROM n;"
        "INSERT INTO few (rowid, a) VALUES (-5, 1), (7, 2);",
    )
    census = take_census(str(path), catalog_of(path).tables)
    for name in ("narrow", "wide", "few"):
        table = census.table(name)
        with closing(sqlite3.connect(path)) as connection:
            low, high = connection.execute(f"SELECT min(rowid), max(rowid) FROM {name}").fetchone()
            borders = [low, *table.rowid_marks, high + 1]
            for first, end in pairwise(borders):
                count, size = connection.execute(
                    f"SELECT count(*), total(length(CAST(a AS BLOB))) FROM {name}"
                    " WHERE rowid >= ? AND rowid < ?",
                    (first, end),
                ).fetchone()
                assert 0 < count <= BATCH_ROWS
                assert size <= BATCH_BYTES + 2 * 30_000
        assert (table.rowid_min, table.rowid_max) == (low, high)
    assert len(census.table("narrow").rowid_marks) in (fewest := -(-100_000 // BATCH_ROWS) - 1, fewest + 1)
    assert len(census.table("wide").rowid_marks) >= 5
    assert census.table("few").rowid_marks == ()


def test_progress_adds_up_to_all_rows(tmp_path: Path) -> None:
    class Watcher:
        def __init__(self) -> None:
            self.rows: dict[str, int] = {}

        def advance(self, table: str, rows: int, byte_count: int = 0, /) -> None:
            self.rows[table] = self.rows.get(table, 0) + rows

    path = make_database(
        tmp_path / "jobs.db",
        "CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE empty (x);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " INSERT INTO a SELECT i FROM n; INSERT INTO b SELECT x || '' FROM a;",
    )
    tables = catalog_of(path).tables
    watcher = Watcher()
    census = take_census(str(path), tables, progress=watcher)
    assert watcher.rows == {"a": 5000, "b": 5000}
    assert census.table("empty") == TableCensus(
        name="empty", rows=0, columns=(ColumnCensus(name="x"),), rowid_min=None
    )


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        "anki_v2.anki2", "bad_utf8_text.db", "calibre_metadata.db", "chinook.sqlite",
        "chinook_autoinc.sqlite", "chinook_fts5.db", "chinook_utf16le.db", "coverage.db",
        "datasette_fixtures.db", "gtfs_sample.db", "ipython_history.sqlite", "naturalearth.gpkg",
        "northwind.db", "svn_wc.db", "wn_lexicon.db",
    ],
)  # fmt: skip
def test_files_of_the_collection_are_counted_exactly(name: str) -> None:
    path = shared_path("databases", name)
    tables = [table for table in catalog_of(path).tables if table.kind in ("table", "shadow")]
    census = take_census(str(path), tables)
    assert census.unreadable == ()
    for table in tables:
        for column in table.columns:
            expected = count_column(
                column.name,
                stored_in(path, table.name, column.name),
                declared_json="JSON" in column.declared_type.upper(),
            )
            assert facts_of(census.table(table.name).column(column.name)) == expected


@pytest.mark.shared
def test_tables_on_damaged_pages_are_named_and_the_others_counted() -> None:
    path = shared_path("databases", "bad_zeroed_leaf.db")
    tables = [table for table in catalog_of(path).tables if table.kind == "table"]
    census = take_census(str(path), tables)
    assert census.unreadable
    assert {message for _, message in census.unreadable} == {"database disk image is malformed"}
    counted = {table.name for table in census.tables} | {table for table, _ in census.unreadable}
    assert counted == {table.name for table in tables}
    with closing(open_snapshot(str(path))) as connection:
        for table in tables:
            if table.name not in {name for name, _ in census.unreadable}:
                assert take_table_census(connection, table) == census.table(table.name)
