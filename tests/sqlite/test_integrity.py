"""Damage is named by table; rows that break a rule of their table are no damage."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import apsw
import pytest

from howdah.errors import ExitStatus, IntegrityError
from howdah.sqlite.integrity import check_integrity, require_integrity
from howdah.sqlite.snapshot import take_snapshot
from support.files import DATA, make_database
from support.shared import shared_path


def damage_leaf(path: Path, table: str) -> Path:
    """Overwrite with zeros a page that holds nothing but rows of that table."""
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    data = bytearray(path.read_bytes())
    root_offset = (root - 1) * page_size
    assert data[root_offset] == 5, "the table must be big enough for an interior root page"
    rightmost = int.from_bytes(data[root_offset + 8 : root_offset + 12], "big")
    data[(rightmost - 1) * page_size : rightmost * page_size] = bytes(page_size)
    path.write_bytes(data)
    return path


def test_a_sound_file_has_no_problems() -> None:
    assert check_integrity(os.fspath(DATA / "chinook.sqlite")) == []


def test_a_zeroed_page_is_named_with_its_table(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes((DATA / "chinook.sqlite").read_bytes())
    problems = check_integrity(os.fspath(damage_leaf(path, "Track")))
    assert any(problem.startswith('table "Track": page ') for problem in problems)
    with pytest.raises(IntegrityError) as caught:
        require_integrity(os.fspath(path), "app.db")
    assert caught.value.code == "S-016"
    assert caught.value.exit_status == ExitStatus.INTEGRITY
    assert 'file "app.db" is damaged: table "Track"' in caught.value.message


def test_a_generated_column_that_its_strict_table_does_not_take_is_no_damage(tmp_path: Path) -> None:
    """SQLite before 3.41 or so let such values in; what reads the column is refused by newer ones."""
    path = make_database(
        tmp_path / "app.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v, g AS (v)); INSERT INTO t (v) VALUES (x'00'), (5);"
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql ="
        " 'CREATE TABLE t (id INTEGER PRIMARY KEY, v ANY, g BLOB AS (v)) STRICT'",
    )
    with (
        contextlib.closing(apsw.Connection(os.fspath(path))) as connection,
        pytest.raises(apsw.ConstraintError),
    ):
        connection.execute("PRAGMA quick_check").fetchall()
    assert check_integrity(os.fspath(path)) == []


@pytest.mark.shared
def test_the_damaged_files_of_the_collection(tmp_path: Path) -> None:
    snapshot = take_snapshot(
        os.fspath(shared_path("databases", "bad_zeroed_leaf.db")), os.fspath(tmp_path / "a.db")
    )
    assert any('table "Track"' in problem for problem in check_integrity(snapshot.path))
    snapshot = take_snapshot(
        os.fspath(shared_path("databases", "bad_utf8_text.db")), os.fspath(tmp_path / "b.db")
    )
    assert check_integrity(snapshot.path) == []


def test_rows_that_break_a_constraint_are_no_damage_and_hide_none(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "PRAGMA ignore_check_constraints = ON;"
        "CREATE TABLE loose (n TEXT, c INT CHECK (c > 0), i INT);"
        "INSERT INTO loose VALUES (NULL, -1, '12abc');"
        "WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 500)"
        "INSERT INTO loose SELECT NULL, -1, 0 FROM x;"
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE loose (n TEXT NOT NULL, c INT CHECK (c > 0), i INT)';"
        "PRAGMA writable_schema = OFF;"
        "CREATE TABLE zz (v TEXT);"
        "WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 500)"
        "INSERT INTO zz SELECT hex(zeroblob(50)) FROM x;",
    )
    connection = sqlite3.connect(path)
    assert ("NULL value in loose.n",) in connection.execute("PRAGMA quick_check").fetchall()
    connection.close()
    assert check_integrity(os.fspath(path)) == []
    # SQLite stops after a hundred problems; the broken rows must not use them up.
    assert any('table "zz"' in problem for problem in check_integrity(os.fspath(damage_leaf(path, "zz"))))


def test_collations_and_functions_of_the_application_are_no_damage_and_hide_none(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.create_collation("backwards", lambda one, two: (one < two) - (one > two))
    connection.create_function("app", 1, lambda value: value, deterministic=True)
    connection.executescript(
        "CREATE TABLE k (k TEXT COLLATE backwards PRIMARY KEY) WITHOUT ROWID;"
        "INSERT INTO k VALUES ('a'), ('b');"
        "CREATE TABLE g (a, b AS (app(a)) NOT NULL, c CHECK (app(c) > 0));"
        "INSERT INTO g (a, c) VALUES (1, 1);"
        "CREATE INDEX i ON g (app(a));"
        "WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 500)"
        "INSERT INTO g (a, c) SELECT hex(zeroblob(50)), 1 FROM x;"
    )
    connection.close()
    assert check_integrity(os.fspath(path)) == []
    assert any('table "g"' in problem for problem in check_integrity(os.fspath(damage_leaf(path, "g"))))


def test_a_virtual_table_without_its_module_is_no_damage(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "CREATE TABLE t (a); PRAGMA writable_schema = ON;"
        "INSERT INTO sqlite_schema VALUES"
        " ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING nosuchmodule(a)');",
    )
    assert check_integrity(os.fspath(path)) == []


def test_damage_that_sqlite_gives_no_place_for_is_told_with_its_table(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "CREATE TABLE other (a); CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL);"
        "INSERT INTO t VALUES (1, 'abc', 'def');",
    )
    content = bytearray(path.read_bytes())
    # The serial type of the last value: its record now ends before its values do.
    place = content.index(b"abcdef") - 1
    content[place] += 2
    path.write_bytes(content)
    assert check_integrity(str(path)) == ['table "t": database disk image is malformed']
