"""Rows taken from the pages of a file are those that sqlite3 reads; the unusual is left to SQLite."""

from __future__ import annotations

import ctypes
import random
import sqlite3
import struct
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.model.source import Table
from howdah.sqlite.census import take_census
from howdah.sqlite.column_values import ColumnValues
from howdah.sqlite.page_columns import split_columns
from howdah.sqlite.page_file import PageFile, UnusualTableError, read_row_runs
from support.files import make_database
from support.stored_values import Text, insert_values, stored_values, table_of

long_values = st.builds(
    lambda kind, length, byte: kind(bytes([byte]) * length),
    st.sampled_from([bytes, Text]),
    st.sampled_from([100, 476, 477, 500, 1_000, 4_000, 4_061, 4_062, 9_000, 70_000]),
    st.integers(1, 127),
)


def read_pages(path: Path, table: Table) -> tuple[list[int], list[list[Any]], int]:
    """Return the rowids in order, each column's values in any order, and how many rows were left out."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table.name,)
        ).fetchone()
    rowids: list[int] = []
    columns: list[list[Any]] = [[] for _ in table.columns]
    left_out = 0
    with PageFile(str(path)) as file:
        for run in read_row_runs(file, root):
            rowids += sorted(run.rowids.tolist())
            if run.left_out:
                left_out += 1
                continue
            for column, values in zip(columns, split_columns(run, table), strict=True):
                column += values_in(values)
    return rowids, columns, left_out


def values_in(values: ColumnValues) -> list[Any]:
    found: list[Any] = [None] * values.nulls
    found += [] if values.integers is None else [("integer", value) for value in values.integers.tolist()]
    found += [] if values.reals is None else [("real", bits(value)) for value in values.reals.tolist()]
    found += [] if values.texts is None else [("text", value) for value in values.texts.to_pylist()]
    found += [] if values.blobs is None else [("blob", value) for value in values.blobs.to_pylist()]
    return found


def bits(value: float) -> bytes:
    # A whole number in a column of REAL affinity loses the sign of zero, as SQLite itself does.
    return struct.pack(">d", value or 0.0)


def expected_of(path: Path, table: Table) -> tuple[list[int], list[list[Any]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = Text
        rowids = [row[0] for row in connection.execute(f"SELECT rowid FROM {table.name} ORDER BY rowid")]
        columns = []
        for column in table.columns:
            rows = connection.execute(
                f"SELECT typeof({column.name}), {column.name} FROM {table.name} NOT INDEXED"
            )
            columns.append([described(kind.decode(), value) for kind, value in rows])
    return rowids, columns


def described(kind: str, value: Any) -> Any:
    if kind == "null":
        return None
    if kind == "real":
        return (kind, bits(value))
    return (kind, bytes(value) if kind in ("text", "blob") else value)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.one_of(stored_values, long_values), min_size=3, max_size=3), max_size=30),
    st.sampled_from([512, 1024, 4096, 65536]),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=30, max_size=30, unique=True),
    st.sampled_from([0, 32]),
)
def test_random_rows_are_read_from_their_pages(
    rows: list[list[Any]], page_size: int, rowids: list[int], reserved: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "t.db"
        if reserved:
            with closing(apsw.Connection(str(path))) as connection:
                connection.execute(f"PRAGMA page_size = {page_size}")
                wanted = ctypes.c_int(reserved)
                connection.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(wanted))
                connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b REAL, c TEXT)")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA page_size = {page_size}")
            connection.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a, b REAL, c TEXT)")
            insert_values(connection, "t", [[rowid, *row] for rowid, row in zip(rowids, rows, strict=False)])
            connection.commit()
        assert path.read_bytes()[20] == reserved
        table = table_of(path, "t")
        found_rowids, found, left_out = read_pages(path, table)
        expected_rowids, expected = expected_of(path, table)
        assert left_out == 0
        assert found_rowids == expected_rowids
        assert [Counter(column) for column in found] == [Counter(column) for column in expected]


def test_a_tree_of_several_levels_with_deleted_rows_is_read_in_order(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "deep.db",
        "PRAGMA page_size = 512; CREATE TABLE t (a, b);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        " INSERT INTO t SELECT i * 7919 % 100003, iif(i % 5, hex(randomblob(i % 90)), NULL) FROM n;"
        "DELETE FROM t WHERE a % 3 = 0; CREATE INDEX i ON t (a);"
        "INSERT INTO t SELECT a + 0.5, b FROM t WHERE a % 7 = 0;",
    )
    table = table_of(path, "t")
    rowids, found, _ = read_pages(path, table)
    expected_rowids, expected = expected_of(path, table)
    assert rowids == expected_rowids
    assert [Counter(column) for column in found] == [Counter(column) for column in expected]


def test_rows_that_are_very_long_are_left_to_sqlite_and_counted_all_the_same(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "long.db",
        "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, zeroblob(3000000)), (3, 'yy');"
        "INSERT INTO t SELECT 9, printf('%.*c', 1900000, 'z') FROM t;",
    )
    table = table_of(path, "t")
    rowids, columns, left_out = read_pages(path, table)
    assert (rowids, left_out, len(columns[0])) == ([1, 2, 3, 4, 5, 6], 1, 5)
    census = take_census(str(path), [table]).table("t")
    assert (census.rows, census.rowid_min, census.rowid_max) == (6, 1, 6)
    assert (census.column("b").texts, census.column("b").blobs) == (5, 1)
    assert census.column("b").blob_bytes_max == 3_000_000
    assert census.column("b").text_bytes_max == 1_900_000


UNUSUAL = {
    "a column that was added later": (
        "CREATE TABLE t (a); INSERT INTO t VALUES (1); ALTER TABLE t ADD b DEFAULT 'x';"
    ),
    "a record of more columns": (
        "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a)';"
    ),
}


@pytest.mark.parametrize("script", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_is_unusual_is_left_to_sqlite(tmp_path: Path, script: str) -> None:
    path = make_database(tmp_path / "unusual.db", script)
    table = table_of(path, "t")
    with pytest.raises(UnusualTableError):
        read_pages(path, table)
    census = take_census(str(path), [table]).table("t")
    assert census.rows == 1
    assert census.column("a").integer_max == 1
    if len(table.columns) > 1:
        assert census.column("b").texts == 1


def test_nan_on_a_page_is_null_as_sqlite_reads_it(tmp_path: Path) -> None:
    path = make_database(tmp_path / "nan.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1234567.25), (2.5);")
    content = path.read_bytes()
    stored = struct.pack(">d", 1234567.25)
    assert content.count(stored) == 1
    path.write_bytes(content.replace(stored, struct.pack(">d", float("nan"))))
    table = table_of(path, "t")
    with pytest.raises(UnusualTableError):
        read_pages(path, table)
    column = take_census(str(path), [table]).table("t").column("a")
    assert (column.nulls, column.reals, column.real_max) == (1, 1, 2.5)


def test_a_damaged_page_never_ends_in_a_wrong_count(tmp_path: Path) -> None:
    """What the census says of a damaged file is what SQLite says, or one of the two has refused it."""
    path = make_database(
        tmp_path / "whole.db",
        "PRAGMA page_size = 512; CREATE TABLE t (a, b);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        " INSERT INTO t SELECT i, hex(zeroblob(i * 3)) FROM n;",
    )
    table, whole = table_of(path, "t"), path.read_bytes()
    refused = counted = 0
    for seed in range(60):
        dice = random.Random(seed)
        content = bytearray(whole)
        for _ in range(dice.choice([1, 20])):
            # The schema on the first page stays readable.
            content[dice.randrange(512, len(content))] = dice.randrange(256)
        damaged = tmp_path / f"{seed}.db"
        damaged.write_bytes(content)
        census = take_census(str(damaged), [table])
        refused += bool(census.unreadable)
        try:
            _, expected = expected_of(damaged, table)
        except sqlite3.DatabaseError:
            continue
        if census.tables:
            column = census.table("t").column("a")
            assert column.integers == sum(
                value is not None and value[0] == "integer" for value in expected[0]
            )
            counted += 1
    assert refused
    assert counted
