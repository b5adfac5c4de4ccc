"""Cases 80 to 84: the file as applications, crashes and other programs leave it."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from howdah.errors import ExitStatus, HowdahError
from howdah.ops.migrate import MigrateRequest, migrate
from support.files import make_database
from support.processes import die_in_transaction, run_sqlite, sqlite_process
from support.program import list_objects
from support.runs import migrate_file, target_request

pytestmark = pytest.mark.usefixtures("howdah_home")

_ROWS = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    "INSERT INTO t SELECT i, 'row ' || i || ' with some text to fill pages' FROM n;"
)


def _contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith("-shm")}


def _arrived(database: str) -> list[tuple[int, int]]:
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT count(*), max(id) FROM t").fetchall()


def test_case_80_commits_that_are_only_in_the_wal(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "app.db", "PRAGMA journal_mode = WAL;" + _ROWS)
    die_in_transaction(
        source,
        "connection.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "connection.execute(\"INSERT INTO t VALUES (5000, 'in the WAL')\")\n"
        "connection.execute('BEGIN'); connection.execute(\"INSERT INTO t VALUES (6000, 'never committed')\")",
    )
    before = _contents(tmp_path)
    assert before["app.db-wal"]

    report = migrate_file(source, database)

    assert report.exit_status == 0
    assert _arrived(database) == [(3001, 5000)]
    assert _contents(tmp_path) == before


def test_case_80_a_hot_journal_is_rolled_back_for_us_and_stays_for_the_application(
    tmp_path: Path, database: str
) -> None:
    source = make_database(tmp_path / "app.db", _ROWS)
    die_in_transaction(
        source,
        "connection.execute('PRAGMA cache_size = 2'); connection.execute('BEGIN')\n"
        "connection.execute(\"UPDATE t SET id = id + 100000, v = 'tattered'\")",
    )
    before = _contents(tmp_path)
    assert "app.db-journal" in before

    report = migrate_file(source, database)

    assert (report.exit_status, [finding.code for finding in report.findings]) == (0, ["F-004"])
    assert _arrived(database) == [(3000, 3000)]
    assert _contents(tmp_path) == before


@pytest.mark.parametrize("journal_mode", ["DELETE", "WAL"])
def test_case_80_a_writer_at_work_gets_its_locks_and_we_get_one_moment(
    tmp_path: Path, database: str, journal_mode: str
) -> None:
    source = make_database(
        tmp_path / "app.db",
        f"PRAGMA journal_mode = {journal_mode};" + _ROWS + "CREATE TABLE total (n INTEGER PRIMARY KEY);"
        "INSERT INTO total VALUES (3000);",
    )
    script = (
        "connection.execute('PRAGMA busy_timeout = 30000'); ready(); n = 3000\n"
        "while not stop.wait(0.001):\n"
        "    n += 1\n"
        "    connection.execute('BEGIN IMMEDIATE')\n"
        "    connection.execute('INSERT INTO t VALUES (?, ?)', (n, 'x' * 500))\n"
        "    connection.execute('UPDATE total SET n = ?', (n,))\n"
        "    connection.execute('COMMIT')\n"
    )
    with sqlite_process(source, script):
        report = migrate_file(source, database)

    assert report.exit_status == 0
    with psycopg.connect(database) as connection:
        (row,) = connection.execute("SELECT count(*), max(id), (SELECT n FROM total) FROM t").fetchall()
    assert row[0] == row[1] == row[2]
    assert run_sqlite(source, "print(connection.execute('PRAGMA integrity_check').fetchone()[0])") == "ok\n"
    journal = run_sqlite(source, "print(connection.execute('PRAGMA journal_mode').fetchone()[0])")
    assert journal.strip() == journal_mode.lower()


def _damage_page(path: Path) -> None:
    make_database(path, _ROWS + "CREATE TABLE other (a TEXT); INSERT INTO other VALUES ('whole');")
    content = bytearray(path.read_bytes())
    content[10 * 4096 : 11 * 4096] = bytes(4096)
    path.write_bytes(content)


def _encrypt(path: Path) -> None:
    path.write_bytes(random.Random(82).randbytes(32768))


def _text(path: Path) -> None:
    path.write_text("id,name\n1,Ada\n" * 100)


def _newer(path: Path) -> None:
    make_database(path, _ROWS)
    content = bytearray(path.read_bytes())
    content[44:48] = (9).to_bytes(4, "big")
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    make_database(path, _ROWS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _unparsable(path: Path) -> None:
    make_database(
        path,
        _ROWS + "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a,,)' WHERE name = 't';",
    )


@pytest.mark.parametrize(
    ("spoil", "status", "words"),
    [
        pytest.param(_damage_page, ExitStatus.INTEGRITY, "damaged", id="81 a zeroed page"),
        pytest.param(_encrypt, ExitStatus.REFUSED, "encrypted", id="82 an encrypted file"),
        pytest.param(_text, ExitStatus.REFUSED, "not a SQLite database", id="82 another kind of file"),
        pytest.param(_newer, ExitStatus.REFUSED, "newer format", id="82 a newer schema format"),
        pytest.param(_truncate, ExitStatus.INTEGRITY, "truncated", id="82 a truncated file"),
        pytest.param(_unparsable, ExitStatus.INTEGRITY, "(t)", id="84 a schema that SQLite cannot read"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_before_anything_is_written(
    tmp_path: Path, database: str, spoil: Callable[[Path], None], status: ExitStatus, words: str
) -> None:
    # SQLite itself opens no object of a schema with one entry that it cannot parse, so there is no table
    # to degrade to; damage in one table may hide in the others.
    source = tmp_path / "app.db"
    spoil(source)

    with pytest.raises(HowdahError) as failure:
        migrate_file(source, database)

    assert failure.value.exit_status == status
    assert words in str(failure.value)
    assert list_objects(database) == []


def test_case_82_a_file_without_a_byte_is_an_empty_database(tmp_path: Path, database: str) -> None:
    (tmp_path / "app.db").touch()

    report = migrate_file(tmp_path / "app.db", database)

    assert (report.exit_status, [finding.code for finding in report.findings]) == (0, ["F-001"])


@pytest.mark.parametrize("auto_vacuum", ["FULL", "INCREMENTAL"])
def test_case_83_what_the_header_says_is_carried_or_told(
    tmp_path: Path, database: str, auto_vacuum: str
) -> None:
    source = make_database(
        tmp_path / "app.db",
        f"PRAGMA auto_vacuum = {auto_vacuum}; PRAGMA page_size = 65536;"
        + _ROWS
        + "DELETE FROM t WHERE id % 2 = 0; PRAGMA user_version = 42; PRAGMA application_id = 1196437808;",
    )

    report = migrate_file(source, database)

    assert report.exit_status == 0
    assert _arrived(database) == [(1500, 2999)]
    (finding,) = report.findings
    assert finding.code == "F-005"
    assert "user_version is 42" in finding.message
    assert "application_id is 1196437808" in finding.message


def test_case_83_foreign_keys_into_an_attached_file_point_nowhere(tmp_path: Path, database: str) -> None:
    # SQLite has no foreign keys across files: what is written so names a table of its own file.
    other = make_database(tmp_path / "other.db", "CREATE TABLE parent (id INTEGER PRIMARY KEY);")
    source = tmp_path / "app.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("ATTACH ? AS other", (str(other),))
        connection.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent)")
        connection.execute("INSERT INTO child VALUES (1, 1)")
        connection.commit()

    report = migrate_file(source, database)

    assert (report.exit_status, [finding.code for finding in report.findings]) == (0, ["F-312"])
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id, p FROM child").fetchall() == [(1, 1)]


def test_case_81_a_damaged_page_costs_its_own_rows_and_no_other_table(tmp_path: Path, database: str) -> None:
    source = make_database(
        tmp_path / "damaged.db",
        """
        PRAGMA page_size = 1024;
        CREATE TABLE whole (id INTEGER PRIMARY KEY, a TEXT);
        CREATE TABLE hurt (id INTEGER PRIMARY KEY, a TEXT);
        WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500)
            INSERT INTO hurt SELECT i, printf('row %05d', i) FROM n;
        INSERT INTO whole SELECT * FROM hurt;
        """,
    )
    content = bytearray(source.read_bytes())
    place = content.index(b"row 00250") // 1024 * 1024
    lost = sorted(int(number) for number in re.findall(rb"row (\d{5})", content[place : place + 1024]))
    content[place : place + 1024] = bytes(1024)
    source.write_bytes(content)

    with pytest.raises(HowdahError) as refused:
        migrate_file(source, database)
    assert refused.value.exit_status == ExitStatus.INTEGRITY
    assert list_objects(database) == []
    report = migrate(MigrateRequest(source=str(source), target=target_request(database), salvage=True))

    assert report.exit_status == ExitStatus.INTEGRITY
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM whole").fetchone() == (500,)
        kept = [number for (number,) in connection.execute("SELECT id FROM hurt ORDER BY id")]
    assert sorted(set(range(1, 501)) - set(kept)) == lost
    (told,) = [finding for finding in report.findings if finding.code == "F-108"]
    assert (told.object, told.message) == (
        'table "hurt"',
        f"Rows from number {lost[0]} to {lost[-1]} cannot be read.",
    )


def test_case_84_a_statement_that_cannot_be_read_costs_what_it_says_and_no_row(
    tmp_path: Path, database: str
) -> None:
    source = make_database(
        tmp_path / "odd.db",
        """
        PRAGMA cell_size_check = ON;
        CREATE TABLE odd (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INT DEFAULT 'HOLE');
        INSERT INTO odd VALUES (1, 'x', 5), (2, 'y', 6);
        CREATE TABLE plain (a); INSERT INTO plain VALUES (1);
        """,
    )
    # SQLite reads such a statement; as text it is none.
    source.write_bytes(source.read_bytes().replace(b"HOLE", b"\xff\xfe\xfd\xfc"))

    report = migrate_file(source, database)

    assert (report.exit_status, report.verification) == (0, "proof")
    assert [finding.object for finding in report.findings if finding.code == "F-107"] == ['table "odd"']
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id, a, b FROM odd ORDER BY id").fetchall() == [
            (1, "x", 5),
            (2, "y", 6),
        ]
        assert connection.execute("SELECT a FROM plain").fetchone() == (1,)
        keys = "SELECT contype FROM pg_constraint WHERE conrelid = 'odd'::regclass AND contype = 'p'"
        assert connection.execute(keys).fetchall() == [("p",)]
