"""The private copy: one moment of the source, complete or absent, and the source as it was."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
from pathlib import Path

import apsw
import pytest

from howdah.errors import EnvironmentFailedError, IntegrityError, RefusedError
from howdah.model.source import Snapshot
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.header import HEADER_BYTES, parse_header
from howdah.sqlite.snapshot import hash_file, live_identity, take_snapshot, verify_snapshot
from support.files import make_database
from support.processes import die_in_transaction, run_unprivileged, sqlite_process

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t (v) VALUES ('a'), ('b');"


def snap(path: Path, **options: object) -> Snapshot:
    destination = path.parent / "private" / "copy.db"
    destination.parent.mkdir(exist_ok=True)
    return take_snapshot(os.fspath(path), os.fspath(destination), **options)  # type: ignore[arg-type]


def query(path: str, sql: str) -> list[tuple[object, ...]]:
    connection = open_snapshot(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_the_copy_holds_what_the_source_holds_and_the_source_is_untouched(
    tmp_path: Path, journal_mode: str
) -> None:
    path = make_database(tmp_path / "app.db", f"PRAGMA journal_mode={journal_mode};" + SCHEMA)
    before = contents(tmp_path)
    snapshot = snap(path)
    assert contents(tmp_path) == before
    assert query(snapshot.path, "SELECT * FROM t") == [(1, "a"), (2, "b")]
    assert snapshot.journal_mode == journal_mode
    assert snapshot.sha256 == hashlib.sha256(Path(snapshot.path).read_bytes()).hexdigest()
    assert snapshot.size == os.path.getsize(snapshot.path)
    assert stat.S_IMODE(os.stat(snapshot.path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(snapshot.path)) == ["copy.db"]


def test_the_copy_of_a_wal_database_can_be_read_by_any_library_without_writing_beside_it(
    tmp_path: Path,
) -> None:
    snapshot = snap(make_database(tmp_path / "app.db", "PRAGMA journal_mode=WAL;" + SCHEMA))
    header = parse_header(Path(snapshot.path).read_bytes()[:HEADER_BYTES])
    assert header is not None
    assert not header.wal_mode
    reader = sqlite3.connect(f"file:{snapshot.path}?mode=ro", uri=True)
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (2,)
    reader.close()
    assert os.listdir(os.path.dirname(snapshot.path)) == ["copy.db"]


def test_what_is_only_in_the_wal_is_in_the_copy(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "PRAGMA journal_mode=WAL;" + SCHEMA)
    script = """
connection.execute("PRAGMA wal_autocheckpoint=0")
connection.executemany("INSERT INTO t (v) VALUES (?)", [("x" * 100,)] * 1000)
ready()
stop.wait()
"""
    with sqlite_process(path, script):
        snapshot = snap(path)
        assert query(snapshot.path, "SELECT count(*) FROM t") == [(1002,)]
        assert (tmp_path / "app.db-wal").stat().st_size > 100_000


def test_an_open_transaction_of_a_writer_is_not_in_the_copy(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    script = """
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO t (v) VALUES ('uncommitted')")
ready()
stop.wait()
connection.execute("COMMIT")
"""
    with sqlite_process(path, script):
        assert query(snap(path).path, "SELECT v FROM t") == [("a",), ("b",)]
    assert query(snap(path).path, "SELECT count(*) FROM t") == [(3,)]


def test_a_zero_byte_file_gives_an_empty_database_and_a_finding(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"")
    snapshot = snap(tmp_path / "app.db")
    assert [finding.code for finding in snapshot.findings] == ["F-001"]
    assert query(snapshot.path, "SELECT * FROM sqlite_schema") == []


def test_a_wal_database_without_its_wal_gives_a_finding(tmp_path: Path) -> None:
    snapshot = snap(make_database(tmp_path / "app.db", "PRAGMA journal_mode=WAL;" + SCHEMA))
    assert [finding.code for finding in snapshot.findings] == ["F-002"]


# Recovery happens in the copy


def test_a_hot_journal_is_rolled_back_in_the_copy_only(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "CREATE TABLE t (v TEXT);"
        "WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 5000)"
        "INSERT INTO t SELECT 'whole' FROM x;",
    )
    die_in_transaction(
        path,
        "connection.execute('PRAGMA cache_size=2'); connection.execute('BEGIN')\n"
        "connection.execute(\"UPDATE t SET v = 'tattered'\")",
    )
    before = contents(tmp_path)
    assert "app.db-journal" in before
    # A plain copy of the file alone would have got half of the transaction.
    assert before["app.db"].count(b"tattered") > 1000
    snapshot = snap(path)
    assert query(snapshot.path, "SELECT v, count(*) FROM t GROUP BY v") == [("whole", 5000)]
    assert query(snapshot.path, "PRAGMA integrity_check") == [("ok",)]
    assert [finding.code for finding in snapshot.findings] == ["F-004"]
    assert contents(tmp_path) == before
    assert os.listdir(os.path.dirname(snapshot.path)) == ["copy.db"]


def test_a_wal_in_a_directory_that_may_not_be_written_is_read_through_a_copy(
    open_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = make_database(open_directory / "app.db", "PRAGMA journal_mode=WAL;" + SCHEMA)
    die_in_transaction(path, "connection.execute(\"INSERT INTO t (v) VALUES ('only in the wal')\")")
    (open_directory / "app.db-shm").unlink()
    work = open_directory / "work"
    work.mkdir()
    work.chmod(0o777)
    path.chmod(0o444)
    open_directory.chmod(0o555)
    before = contents(open_directory)
    destination = os.fspath(work / "copy.db")
    snapshot = run_unprivileged(lambda: take_snapshot(os.fspath(path), destination))
    assert query(snapshot.path, "SELECT v FROM t") == [("a",), ("b",), ("only in the wal",)]
    assert [finding.code for finding in snapshot.findings] == ["F-004"]
    assert snapshot.journal_mode == "wal"
    assert contents(open_directory) == before


# All or nothing


def test_progress_reaches_the_whole(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA + "INSERT INTO t (v) VALUES (hex(zeroblob(20000000)));")
    calls: list[tuple[int, int]] = []
    snapshot = snap(path, progress=lambda done, total: calls.append((done, total)))
    assert len(calls) > 1
    assert calls[-1] == (snapshot.size, snapshot.size)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_a_copy_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snap(path, progress=stop)
    assert os.listdir(tmp_path / "private") == []


def test_an_older_copy_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    first = snap(path)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snap(path, progress=stop)
    verify_snapshot(first.path, first.sha256)


def test_a_disk_that_is_too_small_is_said_before_copying(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "PRAGMA page_size=65536;" + SCHEMA)
    # A sparse file whose header counts more pages than the disk has room for; it takes no space itself.
    pages = shutil.disk_usage(tmp_path).free // 65536 + 1000
    os.truncate(path, pages * 65536)
    with open(path, "r+b") as file:
        file.seek(28)
        file.write(pages.to_bytes(4, "big"))
    with pytest.raises(EnvironmentFailedError) as caught:
        snap(path)
    assert caught.value.code == "S-030"
    assert "not enough disk space" in caught.value.message
    assert "HOWDAH_HOME" in caught.value.hint
    assert os.listdir(tmp_path / "private") == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    with pytest.raises(EnvironmentFailedError) as caught:
        take_snapshot(os.fspath(path), os.fspath(tmp_path / "nowhere" / "copy.db"))
    assert caught.value.code == "S-031"


def test_the_source_is_never_its_own_snapshot(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    (tmp_path / "link.db").symlink_to(path)
    for destination in ("app.db", "link.db"):
        with pytest.raises(RefusedError) as caught:
            take_snapshot(os.fspath(path), os.fspath(tmp_path / destination))
        assert caught.value.code == "S-034"


def test_a_writer_that_locks_for_too_long_is_an_environment_failure(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    with sqlite_process(path, "connection.execute('BEGIN EXCLUSIVE')\nready()\nstop.wait()"):
        with pytest.raises(EnvironmentFailedError) as caught:
            snap(path, busy_timeout=0.2)
        assert caught.value.code == "S-020"
    assert os.listdir(tmp_path / "private") == []


# The digest


def test_a_changed_snapshot_is_refused(tmp_path: Path) -> None:
    snapshot = snap(make_database(tmp_path / "app.db", SCHEMA))
    verify_snapshot(snapshot.path, snapshot.sha256)
    with open(snapshot.path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    with pytest.raises(IntegrityError) as caught:
        verify_snapshot(snapshot.path, snapshot.sha256)
    assert caught.value.code == "S-032"


def test_a_lost_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        verify_snapshot(os.fspath(tmp_path / "gone.db"), "0" * 64)
    assert caught.value.code == "S-035"


def test_the_digest_can_be_taken_by_the_caller_meanwhile(tmp_path: Path) -> None:
    snapshot = snap(make_database(tmp_path / "app.db", SCHEMA), digest=False)
    assert snapshot.sha256 == ""
    assert hash_file(snapshot.path) == hashlib.sha256(Path(snapshot.path).read_bytes()).hexdigest()


# The identity of the live file


def test_a_replaced_file_has_another_identity(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", SCHEMA)
    snapshot = snap(path)
    assert live_identity(os.fspath(path)) == snapshot.identity
    shutil.copy2(path, tmp_path / "other.db")
    os.replace(tmp_path / "other.db", path)
    assert live_identity(os.fspath(path)) != snapshot.identity


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_write_changes_the_identity_and_reading_does_not(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "app.db", f"PRAGMA journal_mode={journal_mode};" + SCHEMA)
    before = snap(path).identity
    assert snap(path).identity == before
    script = "connection.execute(\"UPDATE t SET v = 'z' WHERE id = 1\")\nready()\nstop.wait()"
    with sqlite_process(path, script):
        assert live_identity(os.fspath(path)) != before
    assert live_identity(os.fspath(path)) != before


def test_the_copy_of_an_encrypted_looking_file_is_refused_like_its_opening(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"no database at all\n" * 50)
    with pytest.raises(RefusedError):
        snap(tmp_path / "app.db")
    assert os.listdir(tmp_path / "private") == []


def test_a_database_of_another_encoding_and_page_size_is_copied_byte_by_page(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "PRAGMA encoding='UTF-16le'; PRAGMA page_size=65536; PRAGMA auto_vacuum=FULL;"
        "PRAGMA user_version=7; PRAGMA application_id=42;" + SCHEMA,
    )
    snapshot = snap(path)
    pragmas = ("encoding", "page_size", "auto_vacuum", "user_version", "application_id")
    connection = apsw.Connection(snapshot.path, flags=apsw.SQLITE_OPEN_READONLY)
    assert [connection.pragma(name) for name in pragmas] == ["UTF-16le", 65536, 1, 7, 42]
    connection.close()
