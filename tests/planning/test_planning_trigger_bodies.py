"""Translated triggers do to the rows what SQLite's do: the same statements run on both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.ops.migrate import MigrateRequest, migrate
from support.files import make_database
from support.plans import facts_of
from support.runs import target_request

_TABLES = """
    CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL DEFAULT 0,
        rate REAL, open BOOLEAN NOT NULL DEFAULT 1, entries INTEGER NOT NULL DEFAULT 0, note TEXT);
    CREATE TABLE entry (id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
        amount INTEGER NOT NULL, word TEXT, big INTEGER);
    CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, account INTEGER, was INTEGER,
        amount REAL);
    CREATE TABLE seen (word TEXT PRIMARY KEY, len INTEGER);
    CREATE TABLE stat (name TEXT PRIMARY KEY, n INTEGER NOT NULL);
    CREATE TABLE tally (name TEXT PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0, last INTEGER);
    CREATE TABLE state (id INTEGER PRIMARY KEY, word TEXT UNIQUE, n INTEGER NOT NULL DEFAULT 7);
    CREATE TABLE pair (a INTEGER, b TEXT, c REAL DEFAULT 0.5, PRIMARY KEY (a, b)) WITHOUT ROWID;
    CREATE TABLE trail (word TEXT, n INTEGER);
    CREATE TABLE once (word TEXT PRIMARY KEY, n INTEGER);
    CREATE TABLE booking (id INTEGER PRIMARY KEY, room TEXT NOT NULL, day INTEGER NOT NULL, n INTEGER);
    CREATE TABLE address (id INTEGER PRIMARY KEY, person TEXT, main INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE once_before (word TEXT, n INTEGER);
    CREATE TABLE branch (word TEXT, n INTEGER, UNIQUE (word, n));
    INSERT INTO once_before VALUES ('one', 3);
    INSERT INTO booking VALUES (1, 'A', 1, 0), (2, 'A', 2, 0), (3, 'B', 1, 0);
    INSERT INTO address VALUES (1, 'Ann', 1), (2, 'Ann', 0), (3, 'Bob', 1);
    INSERT INTO account VALUES (1, 'Ann', 10, 0.5, 1, 0, NULL), (2, 'Bob', 20, NULL, 1, 0, 'x'),
        (3, 'Cy', 0, 1, 0, 0, 'y');
    INSERT INTO entry VALUES (1, 1, 10, 'start', 0), (2, 2, 20, NULL, 1);
    INSERT INTO seen VALUES ('start', 5);
    INSERT INTO stat VALUES ('entries', 2), ('deleted', 0);
    INSERT INTO tally VALUES ('five', 2, 1), ('six', 1, NULL);
    INSERT INTO state VALUES (5, 'old', 1), (6, 'six', 2), (9, NULL, 3);
    INSERT INTO pair VALUES (1, 'x', 1.5), (2, 'y', 2.5);
    INSERT INTO once VALUES ('one', 1);
"""
CERTAIN = {
    "count_entry": "AFTER INSERT ON entry BEGIN UPDATE account SET balance = balance + new.amount, "
    "entries = entries + 1 WHERE id = new.account; UPDATE stat SET n = n + 1 WHERE name = 'entries'; END",
    "log_entry": "AFTER DELETE ON entry FOR EACH ROW WHEN old.amount <> 0 BEGIN "
    "INSERT INTO log (what, account, was, amount) "
    "VALUES ('gone ' || old.amount, old.account, old.id, old.amount); "
    "UPDATE account SET balance = balance - old.amount WHERE account.id = OLD.account; END",
    "touched": "AFTER UPDATE OF owner, rate ON account BEGIN UPDATE account SET note = 'was ' || old.owner "
    "|| coalesce(' at ' || CAST(old.entries AS TEXT), '') WHERE id = new.id; END",
    "no_closed": "BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'it''s closed, 100%') "
    "WHERE NOT (SELECT open FROM account WHERE id = new.account); END",
    "limits": "BEFORE UPDATE ON entry BEGIN SELECT CASE WHEN new.amount < -100 THEN RAISE(FAIL, 'too low') "
    "WHEN new.amount > 100 THEN RAISE(ROLLBACK, 'too high') END; END",
    "skip": "BEFORE DELETE ON account WHEN old.open AND old.balance > 5 BEGIN SELECT RAISE(IGNORE); END",
    "words": "AFTER UPDATE OF word ON entry WHEN new.word IS NOT NULL BEGIN "
    "INSERT OR IGNORE INTO seen VALUES (new.word, length(new.word)); "
    "DELETE FROM seen WHERE word = old.word AND NOT EXISTS (SELECT 1 FROM stat WHERE name = old.word); END",
    "kept": "BEFORE DELETE ON seen BEGIN SELECT RAISE(ABORT, 'kept') FROM stat WHERE name = old.word; END",
    "upsert": "AFTER INSERT ON entry BEGIN INSERT INTO tally (name, n, last) "
    "VALUES (coalesce(new.word, '-'), 1, new.amount) "
    "ON CONFLICT (name) DO UPDATE SET n = n + excluded.n, last = new.amount "
    "WHERE tally.n < 3 AND excluded.last <> 6; END",
    "replaced": "AFTER INSERT ON entry BEGIN INSERT OR REPLACE INTO state VALUES (new.amount, new.word, "
    "(SELECT count(*) + coalesce(max(n), 0) FROM state)); END",
    "numbered": "AFTER UPDATE OF owner ON account BEGIN "
    "REPLACE INTO state (word, n) VALUES (old.owner, NULL); END",
    "paired": "AFTER DELETE ON entry BEGIN REPLACE INTO pair (a, b) SELECT n, 'x' FROM stat WHERE n < 3; "
    "INSERT INTO trail SELECT name || old.id, n FROM stat WHERE n >= 0; "
    "INSERT INTO trail VALUES ('a', 1), ('b', old.amount); END",
    "once": "AFTER UPDATE OF note ON account WHEN new.note <> old.note BEGIN "
    "INSERT INTO once SELECT lower(new.note), count(*) FROM stat WHERE 1 ON CONFLICT DO NOTHING; "
    "INSERT INTO once VALUES ('kept', 1) ON CONFLICT (word) DO NOTHING; END",
    "taken": "BEFORE INSERT ON booking WHEN EXISTS (SELECT 1 FROM booking AS b WHERE b.room = new.room "
    "AND b.day = new.day) BEGIN SELECT RAISE(ABORT, 'taken'); END",
    "moved": "BEFORE UPDATE OF day, n ON booking BEGIN SELECT RAISE(ABORT, 'taken too') FROM booking "
    "WHERE room = new.room AND day = new.day AND id <> old.id; "
    "SELECT RAISE(IGNORE) WHERE new.n > (SELECT count(*) FROM booking WHERE n > 0); END",
    "last_one": "BEFORE DELETE ON booking WHEN (SELECT count(*) FROM booking WHERE room = old.room) = 1 "
    "BEGIN SELECT RAISE(IGNORE); END",
    "one_main": "BEFORE INSERT ON address WHEN new.main BEGIN "
    "UPDATE address SET main = 0 WHERE person = new.person AND main; "
    "DELETE FROM address WHERE person = new.person AND id < 0; END",
    "same_room": "AFTER UPDATE OF room, n ON booking BEGIN UPDATE booking SET n = old.n + 1000 "
    "WHERE id = old.id AND (new.room <> old.room OR n > 5); END",
    "moved_pair": "AFTER UPDATE OF c ON pair BEGIN UPDATE pair SET c = c + 0.25 "
    "WHERE a = new.a AND b = new.b AND new.c > 100; END",
    "moved_state": "AFTER UPDATE OF n, word ON state BEGIN UPDATE state SET n = n + 1 "
    "WHERE word = old.word AND n < 100; END",
    "negative": "BEFORE INSERT ON tally BEGIN SELECT CASE new.n > 0 WHEN 0 THEN "
    'RAISE(ABORT, "it isn\'t more than 0") END; END',
    "branches": "AFTER INSERT ON once BEGIN INSERT INTO trail "
    "SELECT new.word, new.n UNION SELECT name, n FROM stat WHERE n = new.n UNION SELECT new.word, new.n; "
    "INSERT OR IGNORE INTO branch SELECT new.word, n FROM trail "
    "UNION ALL SELECT word, n FROM once_before; END",
    "big": "AFTER UPDATE OF big ON entry BEGIN INSERT INTO log VALUES (NULL, printf('%03d', new.big), "
    "new.account, old.big, new.big / 2); END",
}
STATEMENTS = [
    "INSERT INTO entry VALUES (10, 1, 5, 'five', 7)",
    "INSERT INTO entry VALUES (11, 1, 6, 'six', 8), (12, 2, 7, NULL, 9)",
    "INSERT INTO entry VALUES (13, 3, 1, 'closed', 1)",
    "UPDATE entry SET amount = 500 WHERE id = 10",
    "UPDATE entry SET amount = -500",
    "UPDATE entry SET amount = amount + 1",
    "UPDATE entry SET word = 'five' WHERE id = 11",
    "UPDATE entry SET word = 'new' || id",
    "UPDATE entry SET word = NULL WHERE id = 1",
    "UPDATE entry SET big = 3 WHERE id = 11",
    "UPDATE account SET owner = owner || '!' WHERE id < 3",
    "UPDATE account SET rate = 2.5, note = 'mine' WHERE id = 2",
    "UPDATE account SET balance = 3 WHERE id = 1",
    "INSERT INTO stat VALUES ('new10', 1)",
    "DELETE FROM seen WHERE word = 'new10'",
    "DELETE FROM seen",
    "UPDATE account SET note = 'mine' WHERE id = 2",
    "UPDATE account SET note = 'ONE', owner = 'Old' WHERE id = 3",
    "UPDATE account SET note = 'two' WHERE id = 3",
    "INSERT INTO entry VALUES (14, 1, 9, 'five', 7)",
    "INSERT INTO entry VALUES (15, 1, 9, 'six', 7)",
    "INSERT INTO booking VALUES (4, 'A', 2, 0)",
    "INSERT INTO booking VALUES (4, 'A', 3, 0), (5, 'B', 2, 0)",
    "INSERT INTO booking VALUES (6, 'A', 9, 0), (7, 'A', 9, 0)",
    "INSERT INTO booking SELECT id + 10, 'C', day + id * 10, 0 FROM booking",
    "UPDATE booking SET day = 1 WHERE id = 4",
    "UPDATE booking SET day = day + 100",
    "UPDATE booking SET n = 1 WHERE id IN (1, 2)",
    "UPDATE booking SET n = 0 - id",
    "UPDATE booking SET room = 'C' WHERE id IN (1, 2)",
    "UPDATE booking SET n = 7 WHERE id = 3",
    "UPDATE booking SET n = 7, id = 77 WHERE id = 3",
    "UPDATE pair SET c = c + 200",
    "UPDATE pair SET c = 300, a = a + 1",
    "UPDATE state SET n = 1 WHERE id = 6",
    "UPDATE state SET n = 1, word = 'seven' WHERE id = 6",
    "INSERT INTO tally VALUES ('none', 0, 1)",
    "INSERT INTO once VALUES ('two words', 2)",
    "INSERT INTO once VALUES ('three', 3), ('four', 2)",
    "DELETE FROM booking WHERE room = 'A'",
    "DELETE FROM booking",
    "INSERT INTO address VALUES (4, 'Ann', 1)",
    "INSERT INTO address VALUES (5, 'Bob', 1), (6, 'Bob', 0), (7, 'Bob', 1), (-1, 'Cy', 0), (8, 'Cy', 1)",
    "DELETE FROM entry WHERE id = 12",
    "DELETE FROM account WHERE id = 2",
    "DELETE FROM account WHERE id = 1",
    "DELETE FROM entry",
]
UNCERTAIN = {
    "INSERT INTO log (was) VALUES ((SELECT count(*) FROM entry))": "AFTER INSERT ON entry",
    "UPDATE entry SET amount = 1 WHERE account = new.account": "AFTER INSERT ON entry",
    "UPDATE entry SET amount = 0 WHERE id = new.id": "BEFORE UPDATE ON entry",
    "UPDATE entry SET amount = 0 WHERE account = new.account": "BEFORE UPDATE ON entry",
    "DELETE FROM entry WHERE account = old.account": "BEFORE DELETE ON entry",
    "INSERT INTO entry (account, amount) VALUES (1, 1)": "BEFORE INSERT ON entry",
    "UPDATE log SET was = (SELECT count(*) FROM entry)": "AFTER UPDATE ON entry",
    "INSERT INTO log (was) VALUES (new.id)": "BEFORE INSERT ON entry",
    "INSERT OR REPLACE INTO account (id, owner) VALUES (new.id, 'x')": "AFTER INSERT ON log",
    "REPLACE INTO guarded VALUES (new.id, 1)": "AFTER INSERT ON entry",
    "REPLACE INTO loose VALUES (new.word)": "AFTER INSERT ON entry",
    "INSERT INTO seen VALUES (new.word, 1) ON CONFLICT (len) DO NOTHING": "AFTER INSERT ON entry",
    "INSERT INTO seen VALUES (new.word, 1) ON CONFLICT DO UPDATE SET len = 2": "AFTER INSERT ON entry",
    "INSERT INTO seen SELECT name, n FROM stat WHERE 1 ON CONFLICT (word) DO UPDATE SET len = 2": ""
    "AFTER INSERT ON entry",
    "INSERT INTO stat VALUES (new.word, (SELECT count(*) FROM stat)), ('b', 2)": "AFTER INSERT ON entry",
    "INSERT INTO log (was) SELECT id FROM account": "AFTER INSERT ON entry",
    "INSERT INTO log (was) SELECT (SELECT count(*) FROM stat) FROM account": "AFTER INSERT ON entry",
    "INSERT INTO log (was) SELECT sum(id) OVER () FROM account": "AFTER INSERT ON entry",
    "UPDATE thing SET n = new.id WHERE oid = new.oid": "AFTER INSERT ON thing",
    "INSERT INTO log (was) VALUES (last_insert_rowid())": "AFTER INSERT ON entry",
    "INSERT INTO log (was) VALUES (new.word)": "AFTER INSERT ON entry",
    "SELECT my_function(new.id)": "AFTER INSERT ON entry",
    "SELECT RAISE(IGNORE)": "AFTER INSERT ON entry",
    "UPDATE pair SET c = 1 WHERE a = new.a": "AFTER INSERT ON pair",
    "UPDATE pair SET c = 1 WHERE a = old.a AND b = new.b": "AFTER UPDATE ON pair",
    "UPDATE pair SET c = 1 WHERE a = new.a AND b = new.b OR a = 1": "AFTER UPDATE ON pair",
    "UPDATE cased SET n = 1 WHERE word = new.word": "AFTER UPDATE OF n ON cased",
    "UPDATE seen SET (word, len) = (1, 2)": "AFTER INSERT ON entry",
    "UPDATE OR REPLACE seen SET word = new.word": "AFTER INSERT ON entry",
}


@pytest.fixture
def both(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """The file and the migrated database, where triggers.sql was run."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    triggers = ";".join(f"CREATE TRIGGER {name} {body}" for name, body in CERTAIN.items())
    source = make_database(tmp_path / "app.db", f"{_TABLES}{triggers};")
    report = migrate(
        MigrateRequest(source=str(source), target=target_request(database), report_dir=tmp_path / "report")
    )
    assert [
        finding for finding in report.findings if finding.code in ("F-103", "F-904", "F-907", "F-908")
    ] == []
    assert report.objects["trigger"] == len(CERTAIN)
    with (
        closing(sqlite3.connect(source, isolation_level=None)) as lite,
        psycopg.connect(database, autocommit=True) as post,
    ):
        lite.execute("PRAGMA foreign_keys = ON")
        yield lite, post


def _rows(connection: Any) -> dict[str, list[Any]]:
    # Not log.id: in which order a statement takes its rows is not said.
    queries = ["SELECT what, account, was, amount FROM log ORDER BY was, what, amount"]
    queries += [
        f"SELECT * FROM {table} ORDER BY 1, 2"
        for table in (
            "account",
            "entry",
            "seen",
            "stat",
            "tally",
            "state",
            "pair",
            "trail",
            "once",
            "booking",
            "address",
            "branch",
        )
    ]
    return {query: [tuple(map(_plain, row)) for row in connection.execute(query)] for query in queries}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def test_the_same_statements_leave_the_same_rows(both: tuple[Any, Any]) -> None:
    lite, post = both
    for statement in STATEMENTS:
        messages: list[str] = []
        try:
            lite.execute(statement)
        except sqlite3.Error as error:
            messages.append(str(error))
        try:
            post.execute(statement)
        except psycopg.Error as error:
            messages.append(str(error.diag.message_primary))
        assert len(messages) in (0, 2), (statement, messages)
        assert len(set(messages)) < 2, (statement, messages)
        if "too high" in messages:
            continue
        assert _rows(post) == _rows(lite), statement


@pytest.mark.parametrize("statement", UNCERTAIN)
def test_a_body_that_is_not_certain_stays_a_stub(tmp_path: Path, statement: str) -> None:
    others = (
        "CREATE TABLE guarded (id INTEGER PRIMARY KEY, n INTEGER);"
        "CREATE TABLE loose (a TEXT UNIQUE COLLATE NOCASE);"
        "CREATE TABLE cased (word TEXT COLLATE NOCASE NOT NULL, n INTEGER);"
        "CREATE UNIQUE INDEX cased_word ON cased (word COLLATE BINARY);"
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, oid INTEGER, n INTEGER);"
        "CREATE TRIGGER watch BEFORE DELETE ON guarded BEGIN SELECT RAISE(ABORT, 'no'); END;"
    )
    plan = facts_of(
        tmp_path, f"{_TABLES} {others} CREATE TRIGGER t {UNCERTAIN[statement]} BEGIN {statement}; END;"
    ).plan()
    (finding,) = [finding for finding in plan.findings if finding.code == "F-103"]
    assert finding.object.startswith('trigger "t" of')
    assert "a stub of it: " in finding.message
    assert "RAISE EXCEPTION 'trigger \"t\" is not written yet'" in plan.triggers[-1].stub


def test_triggers_of_one_moment_that_write_to_one_table_stay_stubs(tmp_path: Path) -> None:
    bodies = "".join(
        f"CREATE TRIGGER {name} AFTER INSERT ON entry BEGIN INSERT INTO log (what) VALUES ('{name}'); END;"
        for name in ("one", "two")
    )
    plan = facts_of(tmp_path, _TABLES + bodies).plan()
    told = [finding.message for finding in plan.findings if finding.code == "F-103"]
    assert len(told) == 2
    assert all("its order among others matters" in message for message in told)


def test_an_after_trigger_that_reads_its_own_table_says_so(tmp_path: Path) -> None:
    bodies = {
        "counts": "AFTER DELETE ON entry BEGIN DELETE FROM seen WHERE (SELECT count(*) FROM entry) = 0; END",
        "asks": "AFTER DELETE ON entry WHEN (SELECT count(*) FROM entry) = 0 BEGIN DELETE FROM seen; END",
    }
    triggers = "".join(f"CREATE TRIGGER {name} {body};" for name, body in bodies.items())
    plan = facts_of(tmp_path, _TABLES + triggers).plan()
    told = [finding.message for finding in plan.findings if finding.code == "F-103"]
    assert len(told) == 2
    assert all("a query of its own table" in message for message in told)
