"""
Says what must be in PostgreSQL after a migration, without any of Howdah's code.

Rows of the source come from Python's own sqlite3, rows of the target from psycopg, and what a value
becomes under a type is computed here with the standard library: `decimal`, `datetime`, `uuid`.
Rows are compared as multisets, so no key is needed. A row in quarantine is taken off the
source's side by its every value.
"""

from __future__ import annotations

import math
import sqlite3
import struct
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from howdah.model.quarantine import QuarantinedRow
from howdah.model.report import ColumnReport, RunReport, TableReport
from support.random_databases import quoted

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "epoch-s": timedelta(seconds=1),
    "epoch-ms": timedelta(milliseconds=1),
    "epoch-us": timedelta(microseconds=1),
}
_TRUE_WORDS = {"true", "t", "yes", "y", "on", "1"}
_FALSE_WORDS = {"false", "f", "no", "n", "off", "0"}


class StoredText(bytes):
    """A TEXT's bytes as SQLite hands them out; a BLOB stays plain bytes."""


def assert_everything_arrived(
    source: Path, database: str, report: RunReport, quarantined: Sequence[QuarantinedRow]
) -> None:
    """Check values, counts, statuses and sequences of a migration into the schema "public"."""
    assert report.verification == "proof"
    assert report.differences == ()
    assert report.exit_status == (5 if quarantined else 0)
    assert report.status == ("quarantined" if quarantined else "done")
    assert all(row.reason for row in quarantined)
    with (
        closing(sqlite3.connect(source)) as sqlite,
        psycopg.connect(database, options="-c timezone=UTC", autocommit=True) as postgres,
    ):
        tables = _ordinary_tables(sqlite)
        assert sorted(table.name for table in report.tables) == sorted(tables)
        for table in report.tables:
            set_aside = [row for row in quarantined if row.table == table.name]
            _check_rows(sqlite, postgres, table, set_aside)
            _check_numbering(sqlite, postgres, table)


def _ordinary_tables(sqlite: sqlite3.Connection) -> list[str]:
    rows = sqlite.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    return [name for (name,) in rows if not name.startswith("sqlite_")]


def _check_rows(
    sqlite: sqlite3.Connection,
    postgres: psycopg.Connection[Any],
    table: TableReport,
    set_aside: Sequence[QuarantinedRow],
) -> None:
    columns = [
        (name, kind)
        for name, kind in sqlite.execute(
            "SELECT name, hidden FROM pragma_table_xinfo(?) ORDER BY cid", (table.name,)
        )
    ]
    names = [name for name, _ in columns]
    assert [column.name for column in table.columns] == names
    stored = _source_rows(sqlite, table.name, names)
    assert (table.rows_source, table.rows_quarantined) == (len(stored), len(set_aside))
    assert table.rows_target == len(stored) - len(set_aside)

    carried = Counter(_exact(row) for row in stored)
    generated = {position for position, (_, kind) in enumerate(columns) if kind}
    for row in set_aside:
        found = _find(carried, row, names, generated)
        assert found is not None, f"quarantine holds a row that {table.name!r} does not: {row}"
        carried[found] -= 1
    by_content = {_exact(row): row for row in stored}
    expected = Counter[Row]()
    for content, count in (+carried).items():
        expected[_expected_row(by_content[content], table.columns)] += count
    arrived = Counter(_target_rows(postgres, table))
    assert arrived == expected, (
        f"table {table.name!r} as {[(c.name, c.target_type, c.codec) for c in table.columns]}:"
        f" missing {expected - arrived}, not expected {arrived - expected}"
    )


def _source_rows(sqlite: sqlite3.Connection, table: str, names: Sequence[str]) -> list[Row]:
    # SQLite says the class of a text by typeof(), Python's module only gives bytes for both.
    sqlite.text_factory = StoredText
    try:
        selected = ", ".join(quoted(name) for name in names)
        return sqlite.execute(f"SELECT {selected} FROM {quoted(table)} NOT INDEXED").fetchall()
    finally:
        sqlite.text_factory = str


def _exact(row: Iterable[Any]) -> Row:
    """Class and bits of every value, as something that can be counted."""
    return tuple(
        (type(value).__name__, struct.pack(">d", value) if isinstance(value, float) else value)
        for value in row
    )


def _find(
    carried: Counter[Row], row: QuarantinedRow, names: Sequence[str], generated: set[int]
) -> Row | None:
    """Return the source row that has exactly the cells of the one set aside (but for generated columns)."""
    kinds = {"text": "StoredText", "blob": "bytes", "integer": "int", "real": "float", "null": "NoneType"}
    wanted: dict[int, Any] = {}
    for position, name in enumerate(names):
        if name not in row.cells:
            assert position in generated, f"quarantine lacks column {name!r}"
            continue
        cell = row.cells[name]
        content = cell.content
        bits = struct.pack(">d", content) if isinstance(content, float) else content
        wanted[position] = (kinds[cell.storage_class.value], bits)
    for candidate, count in carried.items():
        if count > 0 and all(candidate[position] == value for position, value in wanted.items()):
            return candidate
    return None


def _expected_row(row: Row, columns: Sequence[ColumnReport]) -> Row:
    return tuple(_expected(value, column) for value, column in zip(row, columns, strict=True))


def _expected(value: Any, column: ColumnReport) -> Any:
    """Return what psycopg must give for a stored value in a column of that type."""
    if value is None:
        return None
    text = value.decode() if isinstance(value, StoredText) else None
    match column.target_type.split("(")[0]:
        case "bigint" | "integer" | "smallint":
            assert isinstance(value, int)
            return value
        case "boolean":
            return _expected_boolean(value if text is None else text)
        case "double precision":
            assert isinstance(value, float)
            return struct.pack(">d", value)
        case "numeric":
            return _expected_decimal(value if text is None else text)
        case "text" | "varchar" | "character varying":
            return _expected_text(value if text is None else text)
        case "bytea":
            assert isinstance(value, bytes)
            return bytes(value)
        case "json":
            assert text is not None
            return text
        case "uuid":
            return uuid.UUID(text) if text is not None else uuid.UUID(bytes=value)
        case "timestamp" | "timestamptz" | "date" | "time":
            return _expected_moment(value if text is None else text, column)
    raise AssertionError(f"no oracle for {column}")


def _expected_boolean(value: Any) -> bool:
    word = str(value).lower()
    assert word in _TRUE_WORDS | _FALSE_WORDS, value
    return word in _TRUE_WORDS


def _expected_decimal(value: Any) -> Decimal:
    if isinstance(value, float) and math.isinf(value):
        return Decimal("Infinity" if value > 0 else "-Infinity")
    assert isinstance(value, (int, float, str))
    return Decimal(value if isinstance(value, str) else repr(value)) + 0


def _expected_text(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else repr(value)


def _expected_moment(value: Any, column: ColumnReport) -> datetime | date | time:
    if column.codec in _UNITS:
        moment: datetime = _EPOCH + value * _UNITS[column.codec]
    elif column.codec == "epoch-real":
        moment = _EPOCH + timedelta(microseconds=round(Fraction(value) * 10**6))
    elif column.codec == "julian-day":
        days = Fraction(value) - Fraction(4881175, 2)  # noon of 1970-01-01 is 2440588
        moment = _EPOCH + timedelta(milliseconds=round(days * 86_400_000))
    elif column.target_type == "date":
        return date.fromisoformat(value)
    elif column.target_type == "time":
        return time.fromisoformat(value)
    else:
        assert isinstance(value, str)
        moment = datetime.fromisoformat(value)
        assert (moment.tzinfo is not None) == (column.target_type == "timestamptz")
    match column.target_type:
        case "timestamptz":
            return moment.astimezone(UTC)
        case "timestamp":
            return moment.replace(tzinfo=None)
    assert moment.time() == time(0)
    return moment.date()


def _target_rows(postgres: psycopg.Connection[Any], table: TableReport) -> list[Row]:
    attributes = postgres.execute(
        "SELECT attname, format_type(atttypid, atttypmod)"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relname = %s AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        (table.target_name,),
    ).fetchall()
    assert len(attributes) == len(table.columns)
    selected = sql.SQL(", ").join(
        sql.SQL("{}::text" if kind in ("json", "jsonb") else "{}").format(sql.Identifier(name))
        for name, kind in attributes
    )
    query = sql.SQL("SELECT {} FROM public.{}").format(selected, sql.Identifier(table.target_name))
    return [tuple(_comparable(value) for value in row) for row in postgres.execute(query)]


def _comparable(value: Any) -> Any:
    return struct.pack(">d", value) if isinstance(value, float) else value


def _check_numbering(
    sqlite: sqlite3.Connection, postgres: psycopg.Connection[Any], table: TableReport
) -> None:
    """Check that the next number of an identity column is above every number ever used."""
    highest = _highest_number(sqlite, table.name)
    if highest is None:
        return
    row = postgres.execute(
        "SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relname = %s AND attidentity <> ''",
        (table.target_name,),
    ).fetchone()
    assert row is not None, f"{table.name!r} has no identity column"
    relation = sql.SQL("public.{}").format(sql.Identifier(table.target_name)).as_string(postgres)
    query = "SELECT nextval(pg_get_serial_sequence(%s, %s))"
    if highest >= 2**63 - 1:
        try:
            given = postgres.execute(query, (relation, row[0])).fetchone()
        except psycopg.errors.SequenceGeneratorLimitExceeded:
            return
        raise AssertionError(f"after {highest} comes {given}")
    found = postgres.execute(query, (relation, row[0])).fetchone()
    assert found is not None
    assert found[0] > highest


def _highest_number(sqlite: sqlite3.Connection, table: str) -> int | None:
    """Return the highest row number ever used, None for a table without INTEGER PRIMARY KEY."""
    columns = sqlite.execute("SELECT name, type, pk FROM pragma_table_xinfo(?)", (table,)).fetchall()
    keys = [name for name, declared, position in columns if position and declared.upper() == "INTEGER"]
    # An alias of rowid has no index of its own; INTEGER PRIMARY KEY DESC and WITHOUT ROWID have.
    indexed = sqlite.execute("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", (table,)).fetchone()
    if len(keys) != 1 or indexed or sum(1 for column in columns if column[2]) != 1:
        return None
    (highest,) = sqlite.execute(f"SELECT coalesce(max({quoted(keys[0])}), 0) FROM {quoted(table)}").fetchone()
    if sqlite.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
        for (seen,) in sqlite.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)):
            highest = max(highest, seen or 0)
    return int(highest)
