"""
Two libraries, or a plain open(), on a live file: the scenario, and that we are not in it.

POSIX drops all locks of a process on a file when the process closes any descriptor of it. The first
tests show the damage with nothing of ours in the way; the others put our code in the same place.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from howdah.sqlite.catalog import read_catalog
from howdah.sqlite.connect import open_snapshot, open_source, reading_source
from howdah.sqlite.filefacts import read_file_facts
from howdah.sqlite.snapshot import live_identity, take_snapshot
from support.files import make_database
from support.processes import run_sqlite, sqlite_process

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t (v) VALUES ('a'), ('b');"

#: Prints whether somebody else's read transaction keeps a writer out of a rollback-journal database.
TRY_TO_WRITE = """
connection.execute("PRAGMA busy_timeout=0")
try:
    connection.execute("UPDATE t SET v = v || '!'")
    print("written")
except sqlite3.OperationalError as error:
    print(error)
"""

#: Writes in WAL mode and leaves; as the last one it would fold the -wal into the file and delete it.
WRITE_AND_LEAVE = """
connection.execute("UPDATE t SET v = v || '!'")
connection.close()
import os
print("wal kept" if os.path.exists(sys.argv[1] + "-wal") else "wal deleted")
"""


def make(path: Path, journal_mode: str) -> Path:
    return make_database(path, f"PRAGMA journal_mode={journal_mode};" + SCHEMA)


def begin_reading(connection: apsw.Connection) -> None:
    connection.execute("BEGIN; SELECT * FROM t").fetchall()


# The damage, without us


def test_open_and_close_drop_the_read_lock_of_a_rollback_journal_database(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "delete")
    reader = apsw.Connection(os.fspath(path))
    begin_reading(reader)
    assert run_sqlite(path, TRY_TO_WRITE) == "database is locked\n"
    path.open("rb").close()
    assert run_sqlite(path, TRY_TO_WRITE) == "written\n"
    reader.close()


def test_open_and_close_let_the_last_writer_delete_the_wal_under_a_reader(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "wal")
    reader = apsw.Connection(os.fspath(path))
    begin_reading(reader)
    assert run_sqlite(path, WRITE_AND_LEAVE) == "wal kept\n"
    path.open("rb").close()
    assert run_sqlite(path, WRITE_AND_LEAVE) == "wal deleted\n"
    reader.close()


def test_a_second_library_in_the_process_does_the_same(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "delete")
    script = """
import apsw, subprocess
connection.close()
reader = apsw.Connection(sys.argv[1])
reader.execute("BEGIN; SELECT * FROM t").fetchall()
other = sqlite3.connect(sys.argv[1])
other.execute("SELECT * FROM t").fetchall()
other.close()
write = '''
import sqlite3, sys
sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("UPDATE t SET v = v || '!'")
'''
print("written" if subprocess.run([sys.executable, "-c", write, sys.argv[1]]).returncode == 0 else "locked")
"""
    assert run_sqlite(path, script) == "written\n"


# Our code in the same place


def use_everything(path: Path, work: Path) -> None:
    """All that this package does with a live file, while a connection of this process reads it."""
    source = os.fspath(path)
    read_file_facts(source)
    live_identity(source)
    open_source(source).close()
    with reading_source(source) as connection:
        read_catalog(connection, source)
    take_snapshot(source, os.fspath(work / "copy.db"))
    open_snapshot(os.fspath(work / "copy.db")).close()


def test_ours_keeps_the_read_lock_of_a_rollback_journal_database(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "delete")
    reader = open_source(os.fspath(path))
    begin_reading(reader)
    use_everything(path, tmp_path)
    assert run_sqlite(path, TRY_TO_WRITE) == "database is locked\n"
    reader.close()
    assert run_sqlite(path, TRY_TO_WRITE) == "written\n"


def test_ours_keeps_the_wal_under_a_reader(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "wal")
    reader = open_source(os.fspath(path))
    begin_reading(reader)
    use_everything(path, tmp_path)
    assert run_sqlite(path, WRITE_AND_LEAVE) == "wal kept\n"
    assert reader.execute("SELECT v FROM t").fetchall() == [("a",), ("b",)]
    reader.close()


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_python_opens_no_live_file_itself(tmp_path: Path, journal_mode: str) -> None:
    """Every open() of the interpreter is audited in a process that does all that we do."""
    path = make(tmp_path / "app.db", journal_mode)
    script = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_snapshot_locks import use_everything
live = {os.path.realpath(sys.argv[1] + suffix) for suffix in ("", "-wal", "-shm", "-journal")}
opened = []
def audit(event, arguments):
    if event in ("open", "os.open", "sqlite3.connect") and isinstance(arguments[0], (str, bytes)):
        opened.append(os.path.realpath(os.fsdecode(arguments[0])))
sys.addaudithook(audit)
use_everything(Path(sys.argv[1]), Path(sys.argv[2]))
print(len(opened) > 0, sorted(live.intersection(opened)))
"""
    paths = [entry for entry in sys.path if entry]
    command = [sys.executable, "-c", script, os.fspath(path), os.fspath(tmp_path), *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.stdout == "True []\n"


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_every_copy_is_one_moment_while_another_process_writes(tmp_path: Path, journal_mode: str) -> None:
    """The writer moves amounts between rows: any two moments mixed would show in the sum."""
    path = make_database(
        tmp_path / "app.db",
        f"PRAGMA journal_mode={journal_mode};"
        "CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT);"
        "CREATE TABLE moves (id INTEGER PRIMARY KEY);"
        "WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 2000)"
        "INSERT INTO account SELECT i, 100, hex(zeroblob(200)) FROM x;",
    )
    writer = """
import random
random.seed(7)
ready()
while not stop.is_set():
    one, two = random.randint(1, 2000), random.randint(1, 2000)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE account SET amount = amount - 7 WHERE id = ?", (one,))
    connection.execute("UPDATE account SET note = hex(randomblob(300)) WHERE id = ?", (one,))
    connection.execute("UPDATE account SET amount = amount + 7 WHERE id = ?", (two,))
    connection.execute("INSERT INTO moves DEFAULT VALUES")
    connection.execute("COMMIT")
    stop.wait(0.002)  # a writer without a pause may keep every reader of a rollback journal out
print(connection.execute("PRAGMA integrity_check").fetchone()[0])
"""
    moves = []
    with sqlite_process(path, writer):
        for _ in range(6):
            snapshot = take_snapshot(os.fspath(path), os.fspath(tmp_path / "copy.db"), busy_timeout=60)
            copy = open_snapshot(snapshot.path)
            assert copy.execute("SELECT sum(amount) FROM account").get == 200_000
            assert copy.execute("PRAGMA integrity_check").get == "ok"
            moves.append(copy.execute("SELECT count(*) FROM moves").get)
            copy.close()
    assert run_sqlite(path, "print(connection.execute('PRAGMA integrity_check').fetchone()[0])") == "ok\n"
    assert moves == sorted(moves)
    assert moves[-1] > 0
