"""verify --repair mends what it can name, deletes nothing, and says what is left."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest

from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.report import RunReport
from howdah.ops.verify import VerifyRequest, verify_run
from support.files import make_database
from support.runs import migrate_file, target_request

# The child stands before its parent, and each refers to the other.
SCRIPT = """
CREATE TABLE item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    box_id INTEGER REFERENCES box,
    label TEXT,
    price DECIMAL(8,2),
    made DATETIME,
    picture BLOB
);
CREATE TABLE box (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER REFERENCES item);
CREATE TABLE keyless (a TEXT);
CREATE INDEX item_by_label ON item (label);
CREATE VIEW labels AS SELECT label FROM item;
INSERT INTO box VALUES (1, 'one', NULL), (2, 'two', 1);
INSERT INTO item VALUES
    (1, 1, 'first', 1.50, '2024-01-01 00:00:00', x'00ff'),
    (2, 2, '', NULL, NULL, x''),
    (3, NULL, NULL, 0, '2024-01-02 00:00:00', NULL);
INSERT INTO keyless VALUES ('x'), ('x');
"""


def _damage(database: str, *statements: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _repair(source: Path, database: str) -> RunReport:
    return verify_run(VerifyRequest(source=str(source), target=target_request(database), repair=True))


def _verify(source: Path, database: str) -> RunReport:
    return verify_run(VerifyRequest(source=str(source), target=target_request(database)))


@pytest.fixture
def source(tmp_path: Path, database: str) -> Path:
    path = make_database(tmp_path / "boxes.db", SCRIPT)
    migrate_file(path, database)
    return path


@pytest.mark.parametrize(
    ("damage", "repaired"),
    [
        (["UPDATE item SET label = 'changed', price = 7 WHERE id = 1"], 1),
        (["UPDATE item SET label = NULL WHERE id = 2"], 1),
        (["UPDATE item SET picture = NULL WHERE id = 2"], 1),
        (["DELETE FROM item WHERE id = 3"], 1),
        # Both sides of a circle of foreign keys, and two tables in the wrong order.
        (["ALTER TABLE box DISABLE TRIGGER ALL", "ALTER TABLE item DISABLE TRIGGER ALL",
          "DELETE FROM item WHERE id = 2", "DELETE FROM box WHERE id = 2",
          "ALTER TABLE box ENABLE TRIGGER ALL", "ALTER TABLE item ENABLE TRIGGER ALL"], 2),
        (["SELECT setval(pg_get_serial_sequence('item', 'id'), 1)"], 1),
        (["DROP INDEX item_by_label"], 1),
        (["DROP VIEW labels"], 1),
        (["ALTER TABLE item DROP CONSTRAINT item_box_id_fkey"], 1),
        (["ALTER TABLE item DROP CONSTRAINT item_box_id_fkey",
          "ALTER TABLE item ADD CONSTRAINT item_box_id_fkey"
          " FOREIGN KEY (box_id) REFERENCES box NOT VALID"], 1),
        # The foreign key goes with the key that it needs, and comes back after it.
        (["ALTER TABLE box DROP CONSTRAINT box_pkey CASCADE"], 2),
        (["DROP INDEX item_by_label", "DELETE FROM item WHERE id = 3",
          "SELECT setval(pg_get_serial_sequence('item', 'id'), 1)"], 3),
    ],
)  # fmt: skip
def test_damage_is_seen_mended_and_stays_mended(
    source: Path, database: str, damage: list[str], repaired: int
) -> None:
    _damage(database, *damage)
    assert _verify(source, database).exit_status == 3

    report = _repair(source, database)

    assert (report.exit_status, report.differences, report.repaired) == (0, (), repaired)
    assert report.verification == "proof"
    assert _verify(source, database).exit_status == 0


def test_a_row_too_many_stays_and_is_named(source: Path, database: str) -> None:
    _damage(
        database,
        "INSERT INTO item (id, label) VALUES (77, 'from PostgreSQL')",
        "UPDATE item SET label = 'changed' WHERE id = 1",
    )

    report = _repair(source, database)

    assert report.exit_status == 3
    # The sequence was behind the new row too.
    assert [(found.kind, found.table, found.key) for found in report.differences] == [
        ("extra-row", "item", "77")
    ]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT label FROM item WHERE id IN (1, 77) ORDER BY id").fetchall() == [
            ("first",),
            ("from PostgreSQL",),
        ]
        given = connection.execute("INSERT INTO item (label) VALUES ('next') RETURNING id").fetchone()
    assert given == (78,)


def test_rows_of_the_application_that_forbid_a_key_are_not_moved(source: Path, database: str) -> None:
    _damage(
        database,
        "ALTER TABLE item DROP CONSTRAINT item_box_id_fkey",
        "INSERT INTO item (id, box_id) OVERRIDING SYSTEM VALUE VALUES (50, 999)",
        "DROP INDEX item_by_label",
        "SELECT setval(pg_get_serial_sequence('item', 'id'), 60)",
    )

    report = _repair(source, database)

    assert report.exit_status == 3
    assert sorted((found.kind, found.object, found.key) for found in report.differences) == [
        ("constraint", "item_box_id_fkey", ""),
        ("extra-row", "", "50"),
    ]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT box_id FROM item WHERE id = 50").fetchone() == (999,)
        assert connection.execute("SELECT count(*) FROM howdah.quarantine").fetchone() == (0,)


def test_a_row_of_a_table_without_a_key_is_left_and_told(source: Path, database: str) -> None:
    _damage(database, "DELETE FROM keyless WHERE ctid = (SELECT min(ctid) FROM keyless)")

    report = _repair(source, database)

    assert report.exit_status == 3
    assert {(found.kind, found.table) for found in report.differences} == {("missing-row", "keyless")}


@pytest.mark.parametrize("damage", ["UPDATE letter SET a = 'changed'", "DELETE FROM letter"])
def test_a_value_beyond_the_batches_survives_the_repair_of_its_row(
    tmp_path: Path, database: str, damage: str
) -> None:
    path = make_database(
        tmp_path / "letters.db", "CREATE TABLE letter (id INTEGER PRIMARY KEY, a TEXT, b BLOB, c TEXT)"
    )
    with sqlite3.connect(path) as sqlite:
        blob = bytes(range(256)) * (BIG_VALUE_BYTES // 256 + 1)
        sqlite.execute("INSERT INTO letter VALUES (1, 'a', ?, ?)", (blob, "é" * BIG_VALUE_BYTES))
        sqlite.execute("INSERT INTO letter VALUES (2, 'small', x'00', '')")
    sqlite.close()
    migrate_file(path, database)
    _damage(database, damage)

    report = _repair(path, database)

    assert (report.exit_status, report.repaired) == (0, 2)
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT a, b, length(c) FROM letter ORDER BY id").fetchall()
    assert found == [("a", blob, BIG_VALUE_BYTES), ("small", b"\0", 0)]


def test_a_sound_target_is_not_touched(source: Path, database: str) -> None:
    with psycopg.connect(database) as connection:
        before = connection.execute("SELECT id, xmin::text FROM item ORDER BY id").fetchall()

    report = _repair(source, database)

    assert (report.exit_status, report.repaired) == (0, 0)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id, xmin::text FROM item ORDER BY id").fetchall() == before
