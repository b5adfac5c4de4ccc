"""Databases that once did not arrive, each as small as it could be made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from howdah.ops.quarantine import list_rows, retry_rows
from support.files import make_database
from support.random_databases import RandomDatabase
from support.runs import migrate_file, target_request
from support.stored_values import Text

Cross = Callable[[RandomDatabase], None]


def _database(*statements: str | tuple[str, tuple[object, ...]]) -> RandomDatabase:
    return RandomDatabase([(item, ()) if isinstance(item, str) else item for item in statements])


def test_nocase_in_a_utf16_database_is_sqlites_own(cross: Cross) -> None:
    # SQLite asks the application for NOCASE in UTF-16 before it makes its own.
    cross(
        _database(
            "PRAGMA encoding = 'UTF-16le'",
            "CREATE TABLE t (a TEXT COLLATE NOCASE UNIQUE, g TEXT AS (a || 'x') STORED)",
            "INSERT INTO t (a) VALUES ('one'), ('two')",
            "CREATE VIEW v AS SELECT count(*) FROM t",
        )
    )


def test_a_text_keeps_its_place_beside_a_row_set_aside(cross: Cross) -> None:
    cross(
        _database(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
            ("INSERT INTO t VALUES (1, CAST(? AS TEXT))", (Text(b"\xff"),)),
            "INSERT INTO t VALUES (2, 'kept')",
        )
    )


def test_children_without_a_key_follow_their_parent_into_quarantine(cross: Cross) -> None:
    cross(
        _database(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, a TEXT)",
            "CREATE TABLE child (parent_id INTEGER REFERENCES parent, note TEXT, at DATETIME)",
            ("INSERT INTO parent VALUES (1, CAST(? AS TEXT)), (2, 'good')", (Text(b"\xff"),)),
            "INSERT INTO child VALUES (1, 'x', '2024-01-01 00:00:00'), (1, 'x', '2024-01-01 00:00:00'),"
            " (2, 'x', NULL), (1, NULL, NULL), (NULL, '', NULL), (1, '', NULL)",
        )
    )


@pytest.mark.parametrize(
    ("declared", "bad", "good"),
    [
        ("BOOLEAN", "1", "0"),
        ("DECIMAL(8,2)", "1.5", "2"),
        ("REAL", "1e300", "0.1"),
        ("BLOB", "x'00ff'", "x''"),
        ("DATETIME", "'2024-01-02 03:04:05'", "'2024-01-02 03:04:06'"),
        ("DATE", "'2024-01-02'", "'2024-01-03'"),
        ("TIMESTAMP", "1700000000", "1700000001"),
        ("UUID", "'00000000-0000-0000-0000-00000000000a'", "'00000000-0000-0000-0000-00000000000b'"),
        ("UUID", "x'0102030405060708090a0b0c0d0e0f10'", "x'00000000000000000000000000000000'"),
        ("TEXT", "'tab' || char(9) || '\"{}'", "'NULL'"),
    ],
)
def test_children_follow_by_keys_of_any_type(
    cross: Cross, database: str, tmp_path: Path, declared: str, bad: str, good: str
) -> None:
    statements = _database(
        f"CREATE TABLE parent (k {declared} PRIMARY KEY, a TEXT)",
        f"CREATE TABLE child (k {declared} PRIMARY KEY REFERENCES parent, a TEXT)",
        (f"INSERT INTO parent VALUES ({bad}, CAST(? AS TEXT)), ({good}, 'good')", (Text(b"\xff"),)),
        f"INSERT INTO child VALUES ({bad}, 'x'), ({good}, 'y')",
    )
    cross(statements)

    report = migrate_file(statements.build(tmp_path / "keys.db"), database)

    assert {table.name: table.rows_quarantined for table in report.tables} == {"parent": 1, "child": 1}
    assert not [finding for finding in report.findings if "NOT VALID" in finding.message]


def test_what_a_retry_loads_stays_loaded(tmp_path: Path, database: str) -> None:
    source = make_database(
        tmp_path / "retry.db",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, a TEXT);"
        "CREATE TABLE child (id INTEGER PRIMARY KEY,"
        " parent_id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO parent VALUES (1, 'a' || char(0)), (2, char(0));"
        "INSERT INTO child VALUES (1, 1), (2, 2);",
    )
    migrate_file(source, database)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO parent VALUES (1, 'by hand')")

    report = retry_rows(target_request(database))

    assert (report.loaded, report.total) == (1, 3)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id, parent_id FROM child").fetchall() == [(1, 1)]
    assert [(row.table, row.key.rowid) for row in list_rows(target_request(database)).rows] == [
        ("parent", 1),
        ("parent", 2),
        ("child", 2),
    ]


def test_quarantine_names_rows_without_a_rowid_by_their_own_key(cross: Cross) -> None:
    # The proof matches rows by another key here, for blobs among the texts of this one.
    cross(
        _database(
            "CREATE TABLE t (k TEXT PRIMARY KEY, a TEXT, n INTEGER NOT NULL UNIQUE) WITHOUT ROWID",
            "INSERT INTO t VALUES ('one', 'a' || char(0), 1), (x'6f', 'b', 2), ('three', 'c', 3)",
        )
    )
    cross(
        _database(
            "CREATE TABLE t (k TEXT PRIMARY KEY, a TEXT) WITHOUT ROWID",
            "INSERT INTO t VALUES ('one', 'a' || char(0)), (x'6f', 'b'), (x'7f', 'c'), ('three', 'c')",
        )
    )


@pytest.mark.parametrize(
    ("computed", "code"),
    [
        ("CREATE INDEX i ON t (a + 1)", "F-904"),
        ("CREATE UNIQUE INDEX i ON t (a + 1)", "F-904"),
        ("CREATE INDEX i ON t (a) WHERE a + 1 > 5", "F-904"),
    ],
)
def test_an_index_that_postgresql_cannot_compute_is_a_finding(
    cross: Cross, database: str, tmp_path: Path, computed: str, code: str
) -> None:
    statements = _database(
        "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (9223372036854775807)", computed
    )
    cross(statements)

    report = migrate_file(statements.build(tmp_path / "index.db"), database)

    assert code in {finding.code for finding in report.findings}


def test_a_check_that_postgresql_cannot_compute_guards_new_rows_only(cross: Cross) -> None:
    cross(
        _database(
            "CREATE TABLE t (a INTEGER CHECK (a + 1 > 0))", "INSERT INTO t VALUES (9223372036854775807), (1)"
        )
    )


def test_a_view_of_a_column_without_a_name_is_a_finding(cross: Cross) -> None:
    cross(
        _database(
            'CREATE TABLE t ("" TEXT, b TEXT)',
            "INSERT INTO t VALUES ('x', 'y')",
            'CREATE VIEW v AS SELECT "", b FROM t',
        )
    )


def test_reals_in_date_columns_are_the_moments_they_mean(cross: Cross) -> None:
    cross(
        _database(
            "CREATE TABLE t (a TIMESTAMP, b DATETIME)",
            "INSERT INTO t VALUES (1700000000.5, 2460000.5), (946699205.000001, 2451545.0)",
        )
    )
