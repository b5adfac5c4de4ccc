"""The journal in the SQLite file sees every way in which a row can change, and what REPLACE evicts."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from howdah.capture.source_journal import (
    JournalDesign,
    begin_statements,
    design_journal,
    fence_triggers,
)
from howdah.sqlite.live_file import LiveFile
from support.files import make_database
from support.processes import run_sqlite

SCRIPT = """
CREATE TABLE a (id INTEGER PRIMARY KEY, code TEXT UNIQUE COLLATE NOCASE, n INTEGER NOT NULL DEFAULT 7 UNIQUE);
CREATE TABLE w (x TEXT, y INTEGER, z TEXT UNIQUE, PRIMARY KEY (x, y)) WITHOUT ROWID;
CREATE TABLE keyless (v);
CREATE TABLE named (name TEXT PRIMARY KEY, v);
CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT, live INTEGER);
CREATE UNIQUE INDEX part_live ON part (lower(code)) WHERE live = 1;
CREATE TABLE p (id INTEGER PRIMARY KEY);
CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p ON DELETE CASCADE);
CREATE TABLE nocase (g INTEGER, word TEXT COLLATE NOCASE, PRIMARY KEY (g, word)) WITHOUT ROWID;
CREATE TABLE untyped (k PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5(body);
INSERT INTO a VALUES (1, 'one', 1), (2, 'two', 7), (3, 'three', 3);
INSERT INTO w VALUES ('k', 1, 'z1'), ('k', 2, 'z2');
INSERT INTO named VALUES ('n1', 1), ('n2', 2);
INSERT INTO part VALUES (1, 'A', 1), (2, 'b', 1), (3, 'c', 0);
INSERT INTO p VALUES (1), (2);
INSERT INTO c VALUES (10, 1), (11, 1), (12, 2);
INSERT INTO nocase VALUES (1, 'A'), (1, 'B');
INSERT INTO untyped VALUES (1), (2);
"""


def _begin(path: Path, limit: int = 1000) -> JournalDesign:
    with LiveFile(str(path)) as live:
        with live.looking():
            design = design_journal(live.read_catalog())
        with live.writing():
            live.execute_all(begin_statements(design, "e", limit))
    return design


def _noted(path: Path, design: JournalDesign, table: str) -> list[tuple[Any, ...]]:
    with LiveFile(str(path)) as live, live.looking():
        noted = live.read_noted(0, {each.number: len(each.key) for each in design.tables})
    return list(noted.keys.get(design.table(table).number, ()))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


@pytest.mark.parametrize(
    ("table", "statement", "keys"),
    [
        ("a", "INSERT INTO a VALUES (9, 'x', 9)", {(9,)}),
        ("a", "UPDATE a SET id = 8 WHERE id = 1", {(1,), (8,)}),
        ("a", "DELETE FROM a", {(1,), (2,), (3,)}),
        # Evicts 1 by its code (whose collation ignores case) and 3 by its number.
        ("a", "INSERT OR REPLACE INTO a VALUES (9, 'ONE', 3)", {(9,), (1,), (3,)}),
        # NULL becomes the default 7, which row 2 has.
        ("a", "INSERT OR REPLACE INTO a VALUES (9, 'x', NULL)", {(9,), (2,)}),
        ("a", "UPDATE OR REPLACE a SET code = 'two' WHERE id = 1", {(1,), (2,)}),
        ("a", "REPLACE INTO a (code, n) VALUES ('three', 50)", {(3,), (4,)}),
        ("a", "INSERT INTO a VALUES (3, 'x', 60) ON CONFLICT (id) DO UPDATE SET n = 61", {(3,)}),
        ("w", "INSERT OR REPLACE INTO w VALUES ('new', 5, 'z2')", {("new", 5), ("k", 2)}),
        ("w", "UPDATE w SET y = 9 WHERE y = 1", {("k", 1), ("k", 9)}),
        ("named", "INSERT OR REPLACE INTO named (rowid, name) VALUES (1, 'n3')", {("n3",), ("n1",)}),
        ("part", "INSERT OR REPLACE INTO part VALUES (9, 'a', 1)", {(9,), (1,)}),
        ("part", "INSERT OR REPLACE INTO part VALUES (9, 'C', 1)", {(9,)}),
        # What its own collation calls the same are two keys on PostgreSQL.
        ("nocase", "REPLACE INTO nocase VALUES (1, 'a')", {(1, "a"), (1, "A")}),
        ("nocase", "UPDATE nocase SET word = 'a' WHERE word = 'A'", {(1, "a"), (1, "A")}),
        (
            "untyped",
            "REPLACE INTO untyped VALUES (1.0), (3)",
            {("real", 1.0), ("integer", 1), ("integer", 3)},
        ),
        ("c", "PRAGMA foreign_keys = ON; DELETE FROM p WHERE id = 1", {(10,), (11,)}),
    ],
)
def test_every_changed_row_is_noted(source: Path, table: str, statement: str, keys: set[Any]) -> None:
    design = _begin(source)
    run_sqlite(source, f"connection.executescript({statement!r})")
    noted = _noted(source, design, table)
    if table == "untyped":
        # Equal numbers of two classes would be one element of a set.
        noted = [("real" if isinstance(key, float) else "integer", key) for (key,) in noted]
    assert len(noted) == len(keys)
    assert set(noted) == keys


def test_without_the_guards_an_evicted_row_would_go_unseen(source: Path) -> None:
    design = _begin(source)
    run_sqlite(
        source,
        "connection.executescript('DROP TRIGGER _howdah_1_evict_insert;'"
        "'INSERT OR REPLACE INTO a VALUES (9, \"one\", 30)')",
    )
    assert _noted(source, design, "a") == [(9,)]


def test_a_table_without_a_key_counts_how_often_it_was_written_to(source: Path) -> None:
    design = _begin(source)
    run_sqlite(source, "connection.executescript('INSERT INTO keyless VALUES (1), (2); DELETE FROM keyless')")
    with LiveFile(str(source)) as live, live.looking():
        assert live.read_noted(0, {}).touched == {design.table("keyless").number: 4}


def test_a_journal_that_is_full_disarms_itself_and_the_application_goes_on(source: Path) -> None:
    _begin(source, limit=10)
    run_sqlite(source, "for i in range(30): connection.execute('INSERT INTO p VALUES (?)', (100 + i,))")
    with LiveFile(str(source)) as live, live.looking():
        state = live.journal_state()
        assert state is not None
        assert not state.armed
        assert live.count_entries(0) == 0
        assert live.has_more_rows("p", 31)
        assert not live.has_more_rows("p", 32)


def test_numbers_go_on_when_applied_entries_are_deleted(source: Path) -> None:
    _begin(source)
    run_sqlite(source, "connection.executescript('INSERT INTO p VALUES (50), (51)')")
    with LiveFile(str(source)) as live:
        with live.writing():
            live.forget_upto(2)
        run_sqlite(source, "connection.execute('INSERT INTO p VALUES (52)')")
        with live.looking():
            assert live.read_noted(2, {}).upto == 3


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO a VALUES (50, 'late', 50)",
        "INSERT OR IGNORE INTO a VALUES (50, 'late', 50)",
        "REPLACE INTO a VALUES (1, 'late', 50)",
        "UPDATE w SET z = 'late'",
        "DELETE FROM keyless",
        "INSERT INTO search VALUES ('late')",
        "DELETE FROM p WHERE id = 1",
    ],
)
def test_the_fence_refuses_every_write_and_names_the_new_address(source: Path, statement: str) -> None:
    run_sqlite(source, "connection.execute('INSERT INTO keyless VALUES (1)')")
    before = run_sqlite(source, "print(list(connection.iterdump()))")
    with LiveFile(str(source)) as live:
        with live.looking():
            triggers = fence_triggers(live.read_catalog(), "postgresql://there/db")
        with live.writing():
            live.execute_all(triggers.values())
        refused = run_sqlite(
            source,
            f"""
try:
    connection.execute({statement!r})
except sqlite3.Error as error:
    print(error)
connection.execute("SELECT count(*) FROM a").fetchall()
""",
        )
        # A virtual table's module reports the failure of its own statement in its own words.
        told = "constraint failed" if "search" in statement else "moved to postgresql://there/db"
        assert told in refused
        live.remove_our_objects()
    assert run_sqlite(source, "print(list(connection.iterdump()))") == before


def test_removing_leaves_the_file_as_it_was(source: Path) -> None:
    before = run_sqlite(source, "print(list(connection.iterdump()))")
    _begin(source)
    with LiveFile(str(source)) as live:
        assert live.our_objects()
        live.remove_our_objects()
        assert live.our_objects() == {}
    assert run_sqlite(source, "print(list(connection.iterdump()))") == before
    connection = sqlite3.connect(source)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
