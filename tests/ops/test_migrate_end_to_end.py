"""A whole migration, as a person runs it: a SQLite file in, a proven PostgreSQL database out."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest

from howdah.errors import DifferenceError, ExitStatus, RefusedError
from howdah.ops.clean import clean
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.rollback import rollback
from howdah.ops.status import status
from support.files import DATA, make_database
from support.runs import migrate_file, target_request

SHOP = """
CREATE TABLE customer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email VARCHAR(100) NOT NULL UNIQUE,
    name TEXT,
    active BOOLEAN NOT NULL DEFAULT 1,
    balance DECIMAL(10,2),
    joined DATETIME
);
CREATE TABLE purchase (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer ON DELETE CASCADE,
    amount REAL CHECK (amount >= 0),
    note TEXT DEFAULT 'none',
    photo BLOB
);
CREATE INDEX purchase_by_customer ON purchase (customer_id, amount DESC);
CREATE UNIQUE INDEX one_open_note ON purchase (note) WHERE amount > 1000;
CREATE VIEW rich AS SELECT name, balance FROM customer WHERE balance > 100;
INSERT INTO customer VALUES
    (1, 'ann@example.com', 'Ann', 1, 12.50, '2024-01-02 03:04:05'),
    (2, 'bob@example.com', NULL, 0, 1000, '1969-12-31 23:59:59'),
    (5, 'émile@example.com', '', 1, NULL, NULL);
DELETE FROM customer WHERE id = 5;
INSERT INTO customer VALUES (3, 'émile@example.com', '', 1, NULL, NULL);
INSERT INTO purchase VALUES
    (1, 1, 0.1, 'first', x'00ff'), (2, 1, 16777217.0, 'second', NULL), (9, 2, 0, '', x'');
"""


def test_every_value_arrives_and_the_report_says_so(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "shop.db", SHOP)

    report = migrate_file(source, database)

    assert (report.status, report.exit_status) == ("done", 0)
    assert report.verification == "proof"
    assert {table.name: table.rows_target for table in report.tables} == {"customer": 3, "purchase": 3}
    with psycopg.connect(database) as connection:
        customers = connection.execute("SELECT id, email, name, active FROM customer ORDER BY id").fetchall()
        purchases = connection.execute("SELECT id, amount, note, photo FROM purchase ORDER BY id").fetchall()
    assert customers == [
        (1, "ann@example.com", "Ann", True),
        (2, "bob@example.com", None, False),
        (3, "émile@example.com", "", True),
    ]
    assert purchases == [(1, 0.1, "first", b"\x00\xff"), (2, 16777217.0, "second", None), (9, 0.0, "", b"")]


def test_ids_go_on_after_the_highest_that_was_ever_given(tmp_path: Path, database: str) -> None:
    # sqlite_sequence remembers 5 although the highest row left is 3.
    migrate_file(make_database(tmp_path / "shop.db", SHOP), database)

    with psycopg.connect(database) as connection:
        customer = connection.execute("INSERT INTO customer (email) VALUES ('new') RETURNING id").fetchone()
        purchase = connection.execute("INSERT INTO purchase (customer_id) VALUES (1) RETURNING id").fetchone()
    assert customer == (6,)
    assert purchase == (10,)


def test_constraints_indexes_and_views_are_there_and_hold(tmp_path: Path, database: str) -> None:
    migrate_file(make_database(tmp_path / "shop.db", SHOP), database)

    with psycopg.connect(database, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO customer (email) VALUES ('ann@example.com')")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO purchase (customer_id) VALUES (77)")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO purchase (customer_id, amount) VALUES (1, -1)")
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute("INSERT INTO customer (email) VALUES (NULL)")
        connection.execute("DELETE FROM customer WHERE id = 1")
        assert connection.execute("SELECT id FROM purchase").fetchall() == [(9,)]
        assert connection.execute("SELECT name, balance FROM rich").fetchall() == [(None, 1000)]
        predicates = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'purchase' AND indexdef LIKE '%WHERE%'"
        ).fetchall()
    assert len(predicates) == 1
    assert "one_open_note" in predicates[0][0]


def test_the_source_is_not_changed_by_a_byte(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "shop.db", SHOP)
    before = source.read_bytes()

    migrate_file(source, database)

    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]


def test_a_finished_run_repeated_prints_its_report_and_changes_nothing(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "shop.db", SHOP)
    first = migrate_file(source, database)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE customer SET name = 'changed in PostgreSQL' WHERE id = 1")

    again = migrate_file(source, database)

    assert again.repeated
    assert again.run_id == first.run_id
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT name FROM customer WHERE id = 1").fetchone() == (
            "changed in PostgreSQL",
        )


def test_a_target_that_is_not_empty_is_refused_with_what_is_there(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "shop.db", SHOP)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE somebody_elses (id int)")

    with pytest.raises(RefusedError) as refusal:
        migrate_file(source, database)

    assert refusal.value.exit_status == ExitStatus.REFUSED
    assert "somebody_elses" in str(refusal.value)
    with psycopg.connect(database) as connection:
        schemas = connection.execute("SELECT FROM pg_namespace WHERE nspname = 'howdah'").fetchall()
    assert schemas == []


def test_a_database_in_use_by_another_source_is_refused(tmp_path: Path, database: str) -> None:
    migrate_file(make_database(tmp_path / "one.db", SHOP), database)

    with pytest.raises(RefusedError, match="another source"):
        migrate_file(make_database(tmp_path / "two.db", SHOP), database)


def test_undo_leaves_the_target_as_it_was(tmp_path: Path, database: str) -> None:
    migrate_file(make_database(tmp_path / "shop.db", SHOP), database)

    report = rollback(target_request(database))

    assert set(report.dropped) == {"customer", "purchase", "rich"}
    with psycopg.connect(database) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
        ).fetchall()
        schemas = connection.execute("SELECT FROM pg_namespace WHERE nspname = 'howdah'").fetchall()
    assert (left, schemas) == ([], [])


@pytest.mark.parametrize(
    "write",
    [
        "UPDATE customer SET name = 'x' WHERE id = 1",
        "INSERT INTO purchase (customer_id, amount) VALUES (1, 5)",
        "DELETE FROM purchase WHERE id = 9",
    ],
)
def test_undo_is_refused_once_somebody_has_written(tmp_path: Path, database: str, write: str) -> None:
    migrate_file(make_database(tmp_path / "shop.db", SHOP), database)
    with psycopg.connect(database) as connection:
        connection.execute(write)

    with pytest.raises(DifferenceError):
        rollback(target_request(database))

    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM customer").fetchone() == (3,)


def test_status_names_the_run_and_clean_removes_every_trace(tmp_path: Path, database: str) -> None:
    report = migrate_file(make_database(tmp_path / "shop.db", SHOP), database)

    runs = status(target_request(database)).runs
    assert [(run.id, run.status, run.proof) for run in runs] == [(report.run_id, "done", "proven")]
    assert Path(runs[0].snapshot).exists()

    clean(target_request(database))

    assert status(target_request(database)).runs == ()
    assert not Path(runs[0].snapshot).exists()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM customer").fetchone() == (3,)
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'howdah'").fetchall() == []


def test_an_empty_file_is_an_empty_database(tmp_path: Path, database: str) -> None:
    source = tmp_path / "empty.db"
    source.touch()

    report = migrate_file(source, database)

    assert report.exit_status == 0
    assert report.tables == ()
    assert any("empty" in finding.message for finding in report.findings)


def test_without_verification_the_status_says_not_proven(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "shop.db", SHOP)

    report = migrate(MigrateRequest(source=str(source), target=target_request(database), verify=False))

    assert (report.status, report.exit_status) == ("unproven", 9)


def test_chinook_arrives_whole(database: str) -> None:
    source = DATA / "chinook.sqlite"
    report = migrate_file(source, database)

    assert report.exit_status == 0
    with sqlite3.connect(source) as sqlite, psycopg.connect(database) as connection:
        for (table,) in sqlite.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            expected = sqlite.execute(f'SELECT count(*) FROM "{table}"').fetchone()
            assert connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() == expected
        unvalidated = connection.execute(
            "SELECT conname FROM pg_constraint WHERE NOT convalidated"
        ).fetchall()
    assert unvalidated == []


def test_the_report_directory_holds_json_and_html(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "shop.db", SHOP)
    directory = tmp_path / "report"

    report = migrate(
        MigrateRequest(source=str(source), target=target_request(database), report_dir=directory)
    )

    document = json.loads((directory / "report.json").read_text())
    assert document["snapshot"]["sha256"] == report.snapshot.sha256  # type: ignore[union-attr]
    assert "<html" in (directory / "report.html").read_text()
    assert directory.stat().st_mode & 0o777 == 0o700
