"""A copy by ranges holds what the file holds, and what changes meanwhile never breaks it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from howdah.sqlite import range_copy, snapshot
from howdah.sqlite.range_copy import SchemaMovedError, copy_by_ranges
from howdah.sqlite.snapshot import take_snapshot
from support.files import make_database

SCRIPT = """
PRAGMA {encoding};
PRAGMA page_size = 1024;
PRAGMA user_version = 7;
PRAGMA application_id = 99;
CREATE TABLE plain (a, b TEXT, "odd ""name" BLOB, "rowid" TEXT);
CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT COLLATE NOCASE UNIQUE,
                       twice AS (id * 2), kept TEXT GENERATED ALWAYS AS (code || '!') STORED);
CREATE TABLE pairs (language TEXT COLLATE NOCASE, word TEXT, uses INT,
                    PRIMARY KEY (language COLLATE BINARY, word DESC)) WITHOUT ROWID;
CREATE TABLE checked (n INTEGER CHECK (n > 0)) STRICT;
CREATE TABLE empty (x);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES numbered ON DELETE CASCADE);
CREATE UNIQUE INDEX once ON numbered (lower(code)) WHERE id > 3;
CREATE INDEX plain_a ON plain (a DESC);
CREATE VIEW seen AS SELECT app_only(a) AS x FROM plain;
CREATE TRIGGER follow AFTER INSERT ON plain BEGIN INSERT INTO empty VALUES (NEW.a); END;
CREATE VIRTUAL TABLE search USING fts5(body);
INSERT INTO search VALUES ('what is looked for');
INSERT INTO numbered (id, code) SELECT value * 3, 'c' || value FROM generate_series(-40, 400);
DELETE FROM numbered WHERE id = 1200;
INSERT INTO pairs SELECT iif(value % 2, 'en', 'EN'), 'w' || (value / 2), value FROM generate_series(1, 300);
INSERT INTO child VALUES (9223372036854775807, 404), (-5, NULL);
PRAGMA ignore_check_constraints = ON;
INSERT INTO checked VALUES (-1);
"""
VALUES: tuple[Any, ...] = (None, 1, -1, 2**53 + 1, 0.5, -0.0, 1e300, "", "ü\U0001f600", b"", b"\x00\xff", "1")


def _make(path: Path, encoding: str = "encoding = 'UTF-8'") -> Path:
    series = (
        "WITH RECURSIVE s (value) AS (VALUES ({low}) UNION ALL SELECT value + 1 FROM s WHERE value < {high})"
    )
    script = SCRIPT.format(encoding=encoding)
    for low, high in ((-40, 400), (1, 300)):
        call = f"generate_series({low}, {high})"
        script = script.replace(call, f"({series.format(low=low, high=high)} SELECT value FROM s)")
    rows = [
        ("INSERT INTO plain VALUES (?, ?, ?, ?)", (one, two, one, two)) for one in VALUES for two in VALUES
    ]
    make_database(path, script)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER follow")
        for statement, parameters in rows:
            connection.execute(statement, parameters)
        connection.execute("INSERT INTO plain (b) VALUES (CAST(x'41ff42' AS TEXT))")
        connection.execute("DELETE FROM plain WHERE a = 0.5")
        connection.execute(
            "CREATE TRIGGER follow AFTER INSERT ON plain BEGIN INSERT INTO empty VALUES (NEW.a); END"
        )
        connection.commit()
    return path


def _read(path: Path) -> dict[str, list[Any]]:
    """Everything, by SQLite's own quote() of each value, with the rowids."""
    found: dict[str, list[Any]] = {}
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        for pragma in ("encoding", "page_size", "user_version", "application_id", "integrity_check(1)"):
            found[pragma] = connection.execute(f"PRAGMA {pragma}").fetchall()
        found["schema"] = sorted(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"))
        for name, columns in (
            ("plain", '_rowid_, quote(a), quote(b), hex(b), quote("odd ""name"), hex("rowid"), typeof(b)'),
            ("numbered", "*"),
            ("pairs", "*"),
            ("checked", "rowid, *"),
            ("empty", "rowid, *"),
            ("child", "*"),
            ("search", "rowid, *"),
            ("search_content", "*"),
            ("sqlite_sequence", "*"),
        ):
            found[name] = sorted(connection.execute(f"SELECT {columns} FROM {name}").fetchall(), key=repr)
    return found


@pytest.mark.parametrize("encoding", ["encoding = 'UTF-8'", "encoding = 'UTF-16be'"])
def test_every_row_object_and_setting_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(range_copy, "_FIRST_ROWS", 7)
    source, copy = _make(tmp_path / "app.db", encoding), tmp_path / "copy.db"
    copy.touch()
    before = source.read_bytes()
    copy_by_ranges(str(source), str(copy), busy_timeout=1.0)
    assert source.read_bytes() == before
    there = _read(copy)
    assert there == _read(source)
    assert there["integrity_check(1)"] != []
    assert len(there["plain"]) == 133


def test_a_unique_value_that_moves_meanwhile_leaves_the_later_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(range_copy, "_FIRST_ROWS", 1)
    monkeypatch.setattr(range_copy, "_MOMENT", 0.0)
    source, copy = tmp_path / "app.db", tmp_path / "copy.db"
    make_database(
        source,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT UNIQUE);"
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');",
    )
    copy.touch()
    ranges = range_copy._ranges

    def moving(*arguments: Any) -> Any:
        for number, each in enumerate(ranges(*arguments)):
            if number == 2:
                with closing(sqlite3.connect(source)) as connection:
                    connection.executescript(
                        "UPDATE t SET code = 'was a' WHERE id = 1; UPDATE t SET code = 'a' WHERE id = 3"
                    )
            yield each

    monkeypatch.setattr(range_copy, "_ranges", moving)
    copy_by_ranges(str(source), str(copy), busy_timeout=1.0)
    with closing(sqlite3.connect(copy)) as connection:
        # The first row has changed since it was read: whoever uses the copy reads it again.
        assert connection.execute("SELECT * FROM t").fetchall() == [(2, "b"), (3, "a"), (4, "d")]


def test_a_schema_that_changes_meanwhile_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, copy = _make(tmp_path / "app.db"), tmp_path / "copy.db"
    copy.touch()
    numbering = range_copy._copy_numbering

    def altering(*arguments: Any) -> None:
        numbering(*arguments)
        with closing(sqlite3.connect(source)) as connection:
            connection.execute("CREATE TABLE later (x)")

    monkeypatch.setattr(range_copy, "_copy_numbering", altering)
    with pytest.raises(SchemaMovedError):
        copy_by_ranges(str(source), str(copy), busy_timeout=1.0)


@pytest.mark.parametrize("made", [True, False])
def test_a_snapshot_that_takes_too_long_goes_by_ranges_or_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    monkeypatch.setattr(snapshot, "_PAGES_PER_STEP", 1)
    source, copy = _make(tmp_path / "app.db"), tmp_path / "copy.db"
    called = []

    def by_ranges(*arguments: Any, **more: Any) -> None:
        called.append(arguments)
        if not made:
            raise apsw.SQLError("no such function: app_only")
        copy_by_ranges(*arguments, **more)

    monkeypatch.setattr(snapshot, "copy_by_ranges", by_ranges)
    taken = take_snapshot(str(source), str(copy), patience=0.0)
    assert len(called) == 1
    assert (taken.journal_mode, _read(copy)) == ("delete", _read(source))
    # Without haste, and in WAL mode, nothing of the kind.
    take_snapshot(str(source), str(copy))
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    take_snapshot(str(source), str(copy), patience=0.0)
    assert len(called) == 1


@pytest.mark.parametrize(
    ("script", "query"),
    [
        pytest.param(
            "CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
            "INSERT INTO t VALUES (CAST(x'ff41' AS TEXT), 1), ('b', 2);",
            "SELECT hex(k), v FROM t",
            id="a key that is not Unicode",
        ),
        pytest.param(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'default');"
            "INSERT INTO t VALUES (1, NULL), (2, 'kept');"
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_schema SET sql = replace(sql, 'DEFAULT', 'NOT NULL DEFAULT');",
            "SELECT id, a FROM t",
            id="NULL where it is forbidden",
        ),
    ],
)
def test_what_ranges_cannot_carry_as_it_is_is_copied_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, query: str
) -> None:
    monkeypatch.setattr(snapshot, "_PAGES_PER_STEP", 1)
    source, copy = make_database(tmp_path / "app.db", script), tmp_path / "copy.db"
    copy.touch()
    with pytest.raises((apsw.SQLError, UnicodeDecodeError)):
        copy_by_ranges(str(source), str(copy), busy_timeout=1.0)
    copy.unlink()
    take_snapshot(str(source), str(copy), patience=0.0)
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(copy)) as other:
        assert other.execute(query).fetchall() == one.execute(query).fetchall()
