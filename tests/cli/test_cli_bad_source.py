"""A source that cannot be carried: one sentence, the documented status, an untouched target."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from support.files import make_database
from support.processes import die_in_transaction, sqlite_process
from support.program import Program, list_objects

MANY_ROWS = """
CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO t SELECT i, 'row number ' || i || ' with some more text to fill pages' FROM n;
"""


def _text(path: Path) -> None:
    path.write_text("name;street\nAda;Main St\n" * 40)


def _image(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)


def _noise(path: Path) -> None:
    path.write_bytes(random.Random(7).randbytes(16384))


def _truncated(path: Path) -> None:
    make_database(path, MANY_ROWS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _malformed(path: Path) -> None:
    make_database(path, MANY_ROWS)
    content = bytearray(path.read_bytes())
    content[5 * 4096 : 6 * 4096] = b"\xaa" * 4096
    path.write_bytes(content)


def _newer_file_format(path: Path) -> None:
    make_database(path, MANY_ROWS)
    content = bytearray(path.read_bytes())
    content[18:20] = b"\x09\x09"
    path.write_bytes(content)


def _newer_schema_format(path: Path) -> None:
    make_database(path, MANY_ROWS)
    content = bytearray(path.read_bytes())
    content[44:48] = (9).to_bytes(4, "big")
    path.write_bytes(content)


def _missing(path: Path) -> None:
    path.with_name("nearly-source.db").touch()


def _directory(path: Path) -> None:
    path.mkdir()


BAD = [
    pytest.param(_text, 4, "S-010", "is not a SQLite database", id="text"),
    pytest.param(_image, 4, "S-010", "is not a SQLite database", id="image"),
    pytest.param(_noise, 4, "S-011", "is encrypted or not a SQLite database", id="encrypted"),
    pytest.param(_truncated, 8, "S-013", "is truncated", id="truncated"),
    pytest.param(_malformed, 8, "S-016", "is damaged", id="malformed"),
    pytest.param(_newer_file_format, 4, "S-012", "newer format", id="newer-file-format"),
    pytest.param(_newer_schema_format, 4, "S-012", "newer format", id="newer-schema-format"),
    pytest.param(_missing, 2, "S-002", "does not exist", id="missing"),
    pytest.param(_directory, 2, "S-003", "is a directory", id="directory"),
]


@pytest.mark.parametrize(("make", "status", "code", "words"), BAD)
def test_a_bad_source_is_explained_and_nothing_is_written(
    howdah: Program,
    tmp_path: Path,
    database: str,
    make: Callable[[Path], None],
    status: int,
    code: str,
    words: str,
) -> None:
    make(tmp_path / "source.db")

    ended = howdah.run("migrate", "source.db", database, "--json")

    assert ended.status == status
    assert ended.error_line.startswith(f"error {code}: ")
    assert words in ended.error_line
    assert "\nhint: " in ended.err
    assert "Traceback" not in ended.err
    document = ended.document
    assert (document["verb"], document["exit_status"]) == ("migrate", status)
    assert document["error"]["code"] == code
    assert list_objects(database) == []
    assert howdah.files() == []


def test_a_locked_source_names_who_locks_it(howdah: Program, notes: Path, database: str) -> None:
    with sqlite_process(notes, 'connection.execute("BEGIN EXCLUSIVE"); ready(); stop.wait()') as writer:
        ended = howdah.run("migrate", notes, database)

    assert ended.status == 7
    assert ended.error_line.startswith("error S-020: ")
    assert "locked by another process" in ended.error_line
    assert str(writer.pid) in ended.err
    assert list_objects(database) == []


def test_an_empty_file_is_an_empty_database(howdah: Program, tmp_path: Path, database: str) -> None:
    (tmp_path / "empty.db").touch()
    ended = howdah.run("migrate", "empty.db", database)
    assert ended.status == 0
    assert ended.out.startswith("NOTHING TO CARRY")
    assert "The file is empty" in ended.out


def test_wal_mode_without_its_wal_asks_whether_it_was_copied_from_a_running_application(
    howdah: Program, tmp_path: Path, database: str
) -> None:
    live = tmp_path / "live.db"
    with sqlite3.connect(live) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    die_in_transaction(live, 'connection.execute("INSERT INTO t VALUES (1)")')
    shutil.copy(live, tmp_path / "copied.db")

    ended = howdah.run("migrate", "copied.db", database)

    assert ended.status == 0
    assert "copied from a running application" in " ".join(ended.out.split())


def test_a_bad_source_makes_no_database_on_the_embedded_server(howdah: Program, tmp_path: Path) -> None:
    _text(tmp_path / "source.db")
    assert howdah.run("pg", "start").status == 0
    before = howdah.run("pg", "url").out.strip()
    assert howdah.run("migrate", "source.db").status == 4

    import psycopg

    with psycopg.connect(before) as connection:
        names = connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate").fetchall()
    assert names == [("postgres",)]


def test_a_full_disk_is_said_of_the_disk_and_not_of_the_source(
    howdah: Program, tmp_path: Path, database: str
) -> None:
    source = make_database(tmp_path / "big.db", MANY_ROWS.replace("2000", "20000"))
    assert source.stat().st_size > 1_000_000

    ended = howdah.run("migrate", source, database, "--json", limit_file_size=500_000)

    assert ended.status == 7
    assert "snapshot" in ended.error_line
    assert "HOWDAH_HOME" in ended.err
    assert ended.document["status"] == "failed"
    assert list_objects(database) == []
    assert howdah.files() == []
