"""Opening a source: every bad file is explained in its first sentence, and no file is changed by it."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import shutil
import sqlite3
import zipfile
from contextlib import ExitStack
from pathlib import Path

import apsw
import pytest

from howdah.errors import (
    EnvironmentFailedError,
    ExitStatus,
    HowdahError,
    IntegrityError,
    RefusedError,
    UsageError,
)
from howdah.sqlite.connect import open_snapshot, open_source, reading_source
from howdah.sqlite.failures import NeedsRecoveryError
from howdah.sqlite.filefacts import find_file_findings, read_file_facts
from support.files import make_database
from support.processes import die_in_transaction, run_sqlite, run_unprivileged, sqlite_process
from support.shared import shared_path

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t (v) VALUES ('a'), ('b');"


def refuse(path: Path | str) -> HowdahError:
    """Return the error that opening raises; the file and its directory are as before."""
    files = _fingerprint(Path(path).parent) if Path(path).is_file() else None
    with pytest.raises(HowdahError) as caught:
        open_source(os.fspath(path), busy_timeout=0.2)
    if files is not None:
        assert _fingerprint(Path(path).parent) == files
    return caught.value


def _fingerprint(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.is_file()
    }


def make_wal(path: Path, script: str = SCHEMA) -> Path:
    return make_database(path, "PRAGMA journal_mode=WAL;" + script)


def patch(path: Path, offset: int, content: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    path.write_bytes(data)
    return path


# The path


def test_a_missing_file_names_the_ones_that_look_like_it(tmp_path: Path) -> None:
    make_database(tmp_path / "production.db", SCHEMA)
    error = refuse(tmp_path / "prodution.db")
    assert isinstance(error, UsageError)
    assert error.code == "S-002"
    assert "does not exist" in error.message
    assert "production.db" in error.hint


def test_a_missing_prisma_path_says_from_where_it_was_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refuse("file:./dev.db")
    assert os.fspath(tmp_path) in error.hint
    assert "schema.prisma" in error.hint


def test_a_directory_is_named_as_one_with_the_databases_in_it(tmp_path: Path) -> None:
    make_database(tmp_path / "app.sqlite3", SCHEMA)
    error = refuse(tmp_path)
    assert error.code == "S-003"
    assert "is a directory" in error.message
    assert "app.sqlite3" in error.hint


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    with pytest.raises(UsageError, match="not a regular file"):
        open_source(os.fspath(tmp_path / "pipe.db"))


def test_a_file_without_permission_is_explained(open_directory: Path) -> None:
    path = make_database(open_directory / "app.db", SCHEMA)
    path.chmod(0o600 if os.geteuid() == 0 else 0)
    with pytest.raises(EnvironmentFailedError) as caught:
        run_unprivileged(lambda: open_source(os.fspath(path)).close())
    assert caught.value.code == "S-005"
    assert "no permission to read" in caught.value.message


# What is no database


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"CREATE TABLE t (a);\nINSERT INTO t VALUES (1);\n" * 20, "SQL text"),
        (b"-- a dump\nPRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n" * 20, "SQL text"),
        (gzip.compress(b"SQLite format 3\0" * 500, mtime=0), "gzip"),
        (b"\x89PNG\r\n\x1a\n" + bytes(2000), "PNG"),
        (b"PGDMP" + bytes(1000), "pg_dump"),
        (b'{"tables": []}' * 100, "JSON"),
        (b"<!DOCTYPE html><html><body>404</body></html>" * 20, "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
        (bytes(8192), "zero bytes"),
        (b"hello", "plain text"),
        (b"\x00\x01\x02\x03" * 500, "binary file"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(content)
    error = refuse(path)
    assert isinstance(error, RefusedError)
    assert error.code == "S-010"
    assert "is not a SQLite database" in error.message
    assert words in error.detail


def test_a_zip_archive_with_the_database_in_it(tmp_path: Path) -> None:
    make_database(tmp_path / "app.db", SCHEMA)
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.write(tmp_path / "app.db")
    assert "zip archive" in refuse(tmp_path / "app.zip").detail


def test_a_wal_file_in_place_of_its_database(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite_process(
        path,
        "connection.execute('PRAGMA journal_mode=WAL')\n"
        "connection.execute('CREATE TABLE t (a)')\nready()\nstop.wait()",
    ):
        assert "-wal file" in refuse(tmp_path / "app.db-wal").detail


@pytest.mark.parametrize("scheme", ["sqlcipher", "see"])
def test_an_encrypted_database(tmp_path: Path, scheme: str) -> None:
    noise = bytearray(random.Random(scheme).randbytes(8192))
    if scheme == "see":
        # SEE leaves bytes 16 to 23 of the header readable.
        noise[16:24] = b"\x10\x00\x01\x01\x0c\x40\x20\x20"
    (tmp_path / "app.db").write_bytes(noise)
    error = refuse(tmp_path / "app.db")
    assert error.code == "S-011"
    assert "is encrypted or not a SQLite database" in error.message


def test_an_encrypted_database_with_a_plain_header(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    patch(path, 32, random.Random(1).randbytes(path.stat().st_size - 32))
    error = refuse(path)
    assert error.exit_status in (ExitStatus.INTEGRITY, ExitStatus.REFUSED)
    assert error.message


# What is damaged


def test_a_truncated_database_says_how_much_is_missing(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA + "INSERT INTO t (v) VALUES (hex(zeroblob(40000)));")
    size = path.stat().st_size
    os.truncate(path, size - 6000)
    error = refuse(path)
    assert isinstance(error, IntegrityError)
    assert error.code == "S-013"
    assert f"truncated: 6000 of {size} bytes are missing" in error.message


@pytest.mark.shared
def test_the_truncated_file_of_the_collection() -> None:
    error = refuse(shared_path("databases", "bad_truncated.db"))
    assert error.exit_status == ExitStatus.INTEGRITY
    assert "truncated" in error.message


def test_a_damaged_schema_page_is_damage(tmp_path: Path) -> None:
    path = patch(make_database(tmp_path / "app.db", SCHEMA), 100, bytes(200))
    error = refuse(path)
    assert error.exit_status == ExitStatus.INTEGRITY
    assert "is damaged" in error.message


def test_a_schema_that_sqlite_cannot_parse_names_the_object(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        SCHEMA + "PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a,,)' WHERE name = 't';",
    )
    error = refuse(path)
    assert error.exit_status == ExitStatus.INTEGRITY
    assert "malformed database schema (t)" in error.detail


def test_an_empty_file_with_a_wal_is_refused_because_sqlite_would_delete_the_wal(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    with sqlite_process(path, "connection.execute('INSERT INTO t (v) VALUES (1)')\nready()\nstop.wait()"):
        wal = (tmp_path / "app.db-wal").read_bytes()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "app.db").write_bytes(b"")
    (tmp_path / "cut" / "app.db-wal").write_bytes(wal)
    error = refuse(tmp_path / "cut" / "app.db")
    assert isinstance(error, IntegrityError)
    assert error.code == "S-015"


# What is newer


@pytest.mark.parametrize(
    ("offset", "content", "detail"), [(19, b"\x03", "read version 3"), (44, b"\0\0\0\x05", "schema format 5")]
)
def test_a_newer_format_is_not_called_damaged(
    tmp_path: Path, offset: int, content: bytes, detail: str
) -> None:
    error = refuse(patch(make_database(tmp_path / "app.db", SCHEMA), offset, content))
    assert isinstance(error, RefusedError)
    assert error.code == "S-012"
    assert "newer format" in error.message
    assert detail in error.detail


def test_a_file_that_newer_versions_alone_may_write_is_read_with_a_finding(tmp_path: Path) -> None:
    path = patch(make_database(tmp_path / "app.db", SCHEMA), 18, b"\x03")
    with reading_source(os.fspath(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").get == 2
    assert [finding.code for finding in find_file_findings(read_file_facts(os.fspath(path)))] == ["F-003"]


# Locks


@pytest.mark.parametrize("journal_mode", ["DELETE", "WAL"])
def test_a_locked_database_names_who_locks_it(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "app.db", f"PRAGMA journal_mode={journal_mode};" + SCHEMA)
    # In WAL mode a writer locks nobody out unless it asks for the file for itself.
    script = """
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("INSERT INTO t (v) VALUES ('c')")
ready()
stop.wait()
"""
    with sqlite_process(path, script) as process:
        with pytest.raises(EnvironmentFailedError) as caught:
            open_source(os.fspath(path), busy_timeout=0.2)
        assert caught.value.code == "S-020"
        assert "locked" in caught.value.message
        if os.path.exists("/proc/locks"):
            assert f"process {process.pid}" in caught.value.detail


def test_a_writer_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    script = """
import threading
connection.execute("BEGIN EXCLUSIVE")
connection.execute("INSERT INTO t (v) VALUES ('c')")
ready()
stop.wait(0.5)
connection.execute("COMMIT")
stop.wait()
"""
    with sqlite_process(path, script):
        connection = open_source(os.fspath(path), busy_timeout=30)
        assert connection.execute("SELECT count(*) FROM t").get == 3
        connection.close()


# What is all right


def test_a_zero_byte_file_is_an_empty_database_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"")
    with reading_source(os.fspath(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    [finding] = find_file_findings(read_file_facts(os.fspath(path)))
    assert finding.code == "F-001"
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "name",
    ["a b.db", "q?x=1.db", "100%25.db", "hash#.db", "ünï.db", "semi;colon&.db", 'quo"te.db', "new\nline.db"],
)
def test_names_that_mean_something_in_a_uri(tmp_path: Path, name: str) -> None:
    path = make_database(tmp_path / name, SCHEMA)
    connection = open_source(os.fspath(path))
    assert connection.execute("SELECT count(*) FROM t").get == 2
    connection.close()
    snapshot = open_snapshot(os.fspath(path))
    assert snapshot.execute("SELECT count(*) FROM t").get == 2
    snapshot.close()


@pytest.mark.parametrize("opener", [open_source, open_snapshot])
def test_nothing_can_be_written(tmp_path: Path, opener: object) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    assert callable(opener)
    connection = opener(os.fspath(path))
    with pytest.raises(apsw.ReadOnlyError):
        connection.execute("INSERT INTO t (v) VALUES (1)")
    connection.close()


def test_rows_under_a_collation_that_only_the_application_has_are_read(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.create_collation("german", lambda one, two: (one < two) - (one > two))
    connection.executescript(
        "CREATE TABLE t (k TEXT COLLATE german PRIMARY KEY, v) WITHOUT ROWID;"
        "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3);"
        "CREATE TABLE u (a TEXT COLLATE german UNIQUE); INSERT INTO u VALUES ('x'), ('y');"
    )
    connection.close()
    with reading_source(os.fspath(tmp_path / "app.db")) as source:
        assert sorted(source.execute("SELECT k, v FROM t").fetchall()) == [("a", 1), ("b", 2), ("c", 3)]
        assert sorted(source.execute("SELECT a FROM u NOT INDEXED").fetchall()) == [("x",), ("y",)]


# WAL and side files


def test_a_wal_database_without_its_wal_asks_whether_it_was_copied(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    [finding] = find_file_findings(read_file_facts(os.fspath(path)))
    assert finding.code == "F-002"
    assert "copied from a running application?" in finding.message


def test_a_wal_database_in_use_asks_nothing(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    with sqlite_process(path, "connection.execute('INSERT INTO t (v) VALUES (1)')\nready()\nstop.wait()"):
        assert find_file_findings(read_file_facts(os.fspath(path))) == ()


def test_reading_a_wal_database_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    before = _fingerprint(tmp_path)
    with reading_source(os.fspath(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").get == 2
        assert (tmp_path / "app.db-wal").exists()
    assert _fingerprint(tmp_path) == before


def test_a_refused_wal_database_leaves_nothing_beside_it_either(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    before = _fingerprint(tmp_path)

    def read_and_fail() -> None:
        with reading_source(os.fspath(path)):
            raise KeyError("the caller's own")

    with pytest.raises(KeyError):
        read_and_fail()
    assert _fingerprint(tmp_path) == before


def test_side_files_that_were_there_or_are_used_by_others_stay(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    with reading_source(os.fspath(path)) as connection:
        connection.execute("SELECT count(*) FROM t").fetchall()
        with sqlite_process(path, "connection.execute('INSERT INTO t (v) VALUES (1)')\nready()\nstop.wait()"):
            connection.close()
            with reading_source(os.fspath(path)) as second:
                assert second.execute("SELECT count(*) FROM t").get == 3
            assert (tmp_path / "app.db-wal").stat().st_size > 0
            assert (tmp_path / "app.db-shm").exists()


def test_side_files_of_ours_that_another_reader_took_up_stay(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    script = "connection.execute('SELECT * FROM t').fetchall()\nready()\nstop.wait()"
    with ExitStack() as others:
        with reading_source(os.fspath(path)):
            others.enter_context(sqlite_process(path, script))
        assert (tmp_path / "app.db-shm").exists()
        assert (tmp_path / "app.db-wal").stat().st_size == 0


def test_a_wal_with_changes_of_a_dead_writer_is_read_and_stays(tmp_path: Path) -> None:
    path = make_wal(tmp_path / "app.db")
    die_in_transaction(path, "connection.execute(\"INSERT INTO t (v) VALUES ('committed')\")")
    (tmp_path / "app.db-shm").unlink()
    before = _fingerprint(tmp_path)
    with reading_source(os.fspath(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").get == 3
    assert _fingerprint(tmp_path) == before


def test_a_hot_journal_is_not_rolled_back_in_the_source(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    die_in_transaction(
        path,
        "connection.execute('PRAGMA cache_size=2'); connection.execute('BEGIN')\n"
        "connection.executemany('INSERT INTO t (v) VALUES (?)', [('x' * 500,)] * 2000)",
    )
    assert (tmp_path / "app.db-journal").exists()
    error = refuse(path)
    assert isinstance(error, NeedsRecoveryError)
    assert "hot rollback journal" in error.message


def test_a_wal_database_in_a_directory_that_may_not_be_written(open_directory: Path) -> None:
    path = make_wal(open_directory / "app.db")
    path.chmod(0o444)
    open_directory.chmod(0o555)
    with pytest.raises(NeedsRecoveryError, match="directory may not be written"):
        run_unprivileged(lambda: open_source(os.fspath(path)).close())


def test_reading_leaves_the_last_access_of_others_to_sqlite(tmp_path: Path) -> None:
    """The sqlite3 module of another process writes on while we read, and both are content."""
    path = make_wal(tmp_path / "app.db")
    with reading_source(os.fspath(path)) as connection:
        connection.execute("BEGIN; SELECT count(*) FROM t").fetchall()
        printed = run_sqlite(
            path,
            "connection.execute(\"INSERT INTO t (v) VALUES ('c')\")\n"
            "print(connection.execute('SELECT count(*) FROM t').fetchone()[0])",
        )
        assert printed == "3\n"
        assert connection.execute("SELECT count(*) FROM t").get == 2
    with reading_source(os.fspath(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").get == 3


def test_a_path_that_is_not_utf8_is_refused_by_its_bytes(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/app\xff.db")
    shutil.copyfile(make_database(tmp_path / "app.db", "CREATE TABLE t (a)"), path)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    for source in (path, str(link)):
        with pytest.raises(UsageError, match=r"not UTF-8: b'.*app\\xff\.db'"):
            open_source(source)


def test_a_link_that_leads_nowhere_is_called_one(tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "gone.db")
    with pytest.raises(UsageError, match="is a link to a file that does not exist") as refusal:
        open_source(str(link))
    assert "gone.db" in refusal.value.detail


def test_sqlcipher_with_a_readable_header_is_not_called_a_newer_sqlite(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "CREATE TABLE t (a)")
    content = path.read_bytes()
    # PRAGMA cipher_plaintext_header_size = 32
    path.write_bytes(content[:32] + bytes(range(100, 168)) + random.Random(1).randbytes(len(content) - 100))
    with pytest.raises(IntegrityError, match="damaged or encrypted"):
        open_source(str(path))
