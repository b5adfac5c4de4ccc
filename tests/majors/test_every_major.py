"""The same migration on every server major at hand: proven, undone, set aside and mended alike."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.errors import DifferenceError
from howdah.ops.quarantine import list_rows, retry_rows
from howdah.ops.rollback import rollback
from howdah.ops.verify import VerifyRequest, verify_run
from support.crossing import assert_everything_arrived
from support.files import make_database
from support.runs import migrate_file, target_request

pytestmark = pytest.mark.long

LIBRARY = """
CREATE TABLE author (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(80) NOT NULL COLLATE NOCASE UNIQUE,
    born DATE,
    settings JSON DEFAULT '{}'
);
CREATE TABLE book (
    isbn TEXT PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES author ON DELETE CASCADE,
    title TEXT NOT NULL CHECK (length(title) > 0),
    price DECIMAL(8,2),
    added DATETIME DEFAULT CURRENT_TIMESTAMP,
    sold INTEGER,
    words TEXT AS (title || ' ' || isbn) STORED,
    cover BLOB
) WITHOUT ROWID;
CREATE TABLE loan (
    book_isbn TEXT REFERENCES book (isbn) DEFERRABLE INITIALLY DEFERRED,
    reader UUID,
    returned BOOLEAN NOT NULL DEFAULT 0,
    at TIMESTAMP,
    UNIQUE (book_isbn, reader)
);
CREATE INDEX book_by_price ON book (price DESC, title COLLATE NOCASE) WHERE price IS NOT NULL;
CREATE INDEX book_by_title ON book (lower(title));
CREATE VIEW dear AS SELECT title, price FROM book WHERE price > 20;
INSERT INTO author (name, born, settings) VALUES
    ('Ada', '1815-12-10', '{"dark": true}'), ('Émile', NULL, '[1, 2.50]'), ('Zoë', '0001-01-01', NULL);
INSERT INTO book (isbn, author_id, title, price, added, sold, cover) VALUES
    ('1', 1, 'Notes', 19.99, '2024-01-02 03:04:05', 9007199254740993, x'00ff'),
    ('2', 2, 'J''accuse', 1000, '1898-01-13 00:00:00', NULL, x''),
    ('3', 1, 'A' || char(0) || 'B', NULL, '2024-01-02 03:04:06', -1, NULL);
INSERT INTO loan VALUES
    ('1', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 1, 1700000000123),
    ('2', NULL, 0, 1700000000124),
    ('3', '6ba7b811-9dad-11d1-80b4-00c04fd430c8', 0, NULL);
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_database(tmp_path / "library.db", LIBRARY)


def test_a_library_arrives_with_its_quarantine(library: Path, any_server_database: str) -> None:
    report = migrate_file(library, any_server_database)
    rows = list_rows(target_request(any_server_database)).rows

    assert sorted((row.table, row.reason) for row in rows) == [
        ("book", "nul-in-text"),
        ("loan", "parent-quarantined"),
    ]
    assert_everything_arrived(library, any_server_database, report, rows)
    with psycopg.connect(any_server_database, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO author (name) VALUES ('ADA')")
        assert connection.execute("SELECT title, price FROM dear").fetchall() == [("J'accuse", 1000)]
        assert connection.execute("SELECT words FROM book WHERE isbn = '1'").fetchone() == ("Notes 1",)
        assert connection.execute("SELECT conname FROM pg_constraint WHERE NOT convalidated").fetchall() == []


def test_a_later_verification_proves_and_sees_one_changed_value(
    library: Path, any_server_database: str
) -> None:
    migrate_file(library, any_server_database)
    request = VerifyRequest(source=str(library), target=target_request(any_server_database))

    unchanged = verify_run(request)
    with psycopg.connect(any_server_database) as connection:
        connection.execute("UPDATE book SET sold = 9007199254740992 WHERE isbn = '1'")
    changed = verify_run(request)

    assert (unchanged.verification, unchanged.exit_status) == ("proof", 5)
    assert unchanged.differences == ()
    assert changed.exit_status == 3
    assert [(found.kind, found.table, found.column) for found in changed.differences] == [
        ("value", "book", "sold")
    ]


def test_repair_then_undo(library: Path, any_server_database: str) -> None:
    migrate_file(library, any_server_database)
    with psycopg.connect(any_server_database) as connection:
        connection.execute("DELETE FROM author WHERE name = 'Zoë'")
        connection.execute("UPDATE author SET born = NULL WHERE name = 'Ada'")
        connection.execute("DROP INDEX book_by_price")
    with pytest.raises(DifferenceError):
        rollback(target_request(any_server_database))

    report = verify_run(
        VerifyRequest(source=str(library), target=target_request(any_server_database), repair=True)
    )
    assert (report.exit_status, report.differences) == (5, ())

    rollback(target_request(any_server_database))
    with psycopg.connect(any_server_database) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE n.nspname IN ('public', 'howdah')"
        ).fetchall()
    assert left == []


def test_a_retry_without_a_remedy_leaves_the_rows(library: Path, any_server_database: str) -> None:
    migrate_file(library, any_server_database)

    report = retry_rows(target_request(any_server_database))

    assert (report.loaded, report.total, report.exit_status) == (0, 2, 5)
