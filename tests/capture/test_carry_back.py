"""Home with every write: a SQLite file that the old application opens, proven against PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.capture.round_trip import count_unlike
from howdah.errors import RefusedError
from howdah.model.verb_reports import CarryBackReport
from howdah.ops.carry_back import CarryBackRequest, carry_back
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.rollback import rollback
from support.files import make_database
from support.runs import target_request

SCRIPT = """
CREATE TABLE author (
    id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE, made DATETIME, rating REAL,
    price DECIMAL(8,2), facts JSON, picture BLOB, shout TEXT GENERATED ALWAYS AS (upper(email)) VIRTUAL
);
CREATE TABLE tag (code TEXT PRIMARY KEY, label TEXT) WITHOUT ROWID;
CREATE TABLE loan (reader TEXT NOT NULL, number INTEGER NOT NULL, note TEXT, PRIMARY KEY (reader, number));
CREATE TABLE visit (who TEXT, door INTEGER);
CREATE TABLE log (what TEXT);
CREATE VIRTUAL TABLE search USING fts5(email, content='author', content_rowid='id');
CREATE TABLE find_content (id INTEGER PRIMARY KEY, note TEXT);
CREATE VIRTUAL TABLE find USING fts5(note, content='find_content', content_rowid='id');
INSERT INTO find_content VALUES (1, 'called like a table of full text');
CREATE TRIGGER author_log AFTER UPDATE ON author BEGIN INSERT INTO log VALUES ('changed'); END;
CREATE TRIGGER author_search AFTER INSERT ON author BEGIN
    INSERT INTO search (rowid, email) VALUES (NEW.id, NEW.email); END;
INSERT INTO author (id, email, made, rating, price, facts, picture) VALUES
    (1, 'ann@x', '2024-01-01 10:00:00', 1.5, 9.90, '{"a": 1}', x'00ff'),
    (2, 'bob@x', '2024-01-02 10:00:00', 0.5, 10, '[1, 2]', NULL),
    (3, 'eve@x', NULL, NULL, NULL, NULL, x'');
DELETE FROM author WHERE id = 3;
INSERT INTO tag VALUES ('a', 'first'), ('b', 'second'), ('A', 'upper');
INSERT INTO loan VALUES ('ann', 1, 'one'), ('ann', 2, 'two'), ('bob', 1, NULL);
INSERT INTO visit VALUES ('ann', 1), ('ann', 1), ('bob', 2);
"""

WRITES = """
UPDATE author SET email = 'swap' WHERE id = 2;
UPDATE author SET email = 'bob@x' WHERE id = 1;
UPDATE author SET email = 'ann@x' WHERE id = 2;
INSERT INTO author (email, made, rating, price, facts, picture)
    VALUES ('new@x', '2025-05-05 05:05:05', 2.25, 1.10, '{"b": [null]}', '\\x0102');
DELETE FROM tag WHERE code = 'b';
INSERT INTO tag VALUES ('c', 'third');
UPDATE loan SET number = 7 WHERE reader = 'ann' AND number = 2;
INSERT INTO visit VALUES ('eve', 3);
INSERT INTO find_content VALUES (2, 'new');
"""

AUTHORS = [
    (1, "bob@x", "2024-01-01 10:00:00", 1.5, 9.9, '{"a": 1}', b"\x00\xff", "BOB@X"),
    (2, "ann@x", "2024-01-02 10:00:00", 0.5, 10, "[1, 2]", None, "ANN@X"),
    (4, "new@x", "2025-05-05 05:05:05", 2.25, 1.1, '{"b": [null]}', b"\x01\x02", "NEW@X"),
]


def _execute(database: str, script: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in filter(str.strip, script.split(";\n")):
            connection.execute(statement)


def _ask(path: str | Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _migrate(source: Path, database: str, *, journal: bool) -> None:
    migrate(MigrateRequest(source=str(source), target=target_request(database), keep_way_back=journal))


def _carry(database: str, **options: Any) -> CarryBackReport:
    return carry_back(CarryBackRequest(target=target_request(database), **options))


@pytest.fixture(params=["journal", "all rows"])
def journal(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "journal")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


def test_every_write_since_the_migration_is_in_the_file(source: Path, database: str, journal: bool) -> None:
    before = source.read_bytes()
    _migrate(source, database, journal=journal)
    _execute(database, WRITES)

    report = _carry(database)

    assert (report.status, report.exit_status, report.proof) == ("carried-back", 0, "proven")
    path = report.output
    assert path == f"{source}.carried-back"
    assert _ask(path, "SELECT * FROM author ORDER BY id") == AUTHORS
    assert _ask(path, "SELECT * FROM tag ORDER BY code") == [("A", "upper"), ("a", "first"), ("c", "third")]
    assert _ask(path, "SELECT * FROM loan ORDER BY reader, number") == [
        ("ann", 1, "one"),
        ("ann", 7, "two"),
        ("bob", 1, None),
    ]
    assert sorted(_ask(path, "SELECT * FROM visit")) == [("ann", 1), ("ann", 1), ("bob", 2), ("eve", 3)]
    assert _ask(path, "SELECT note FROM find_content") == [("called like a table of full text",), ("new",)]
    assert source.read_bytes() == before
    methods = {table.name: table.method for table in report.tables}
    assert methods["author"] == ("journal" if journal else "all rows")
    # A table without a key: that it changed is all that its journal tells.
    assert methods["log"] == "all rows"
    assert methods["tag"] == ("journal" if journal else "all rows")


def test_full_text_that_cannot_be_read_again_does_not_bar_the_way_home(
    tmp_path: Path, database: str, journal: bool
) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES (1, 'one');"
        "CREATE VIRTUAL TABLE blind USING fts5(body, content=''); CREATE VIRTUAL TABLE own USING fts4(body);"
        "CREATE VIRTUAL TABLE cut USING fts5(body, content=note); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = replace(sql, '=note', '=note, tokenize=own') WHERE name = 'cut'",
    )
    _migrate(source, database, journal=journal)
    _execute(database, "UPDATE note SET body = 'two'")

    report = _carry(database)

    assert report.proof == "proven"
    assert _ask(report.output, "SELECT body FROM note") == [("two",)]
    told = {finding.object for finding in report.findings if finding.code == "F-606"}
    assert told == {'table "blind"', 'table "own"', 'table "cut"'}


#: Signal keeps messages so: PostgreSQL has no certain equal of these expressions.
COMPUTED = """
CREATE TABLE message (id INTEGER PRIMARY KEY, doc TEXT, n INTEGER,
    timer INTEGER GENERATED ALWAYS AS (json_extract(doc, '$.timer') IS 1),
    kept INTEGER GENERATED ALWAYS AS (json_extract(doc, '$.kept') IS 1) STORED);
CREATE INDEX message_timer ON message (timer);
CREATE TABLE loose (doc TEXT, timer INTEGER GENERATED ALWAYS AS (json_extract(doc, '$.timer') IS 1));
INSERT INTO message (id, doc, n) VALUES (1, '{"timer": 1}', 1), (2, '{}', 2), (3, '{"kept": 1}', 3);
INSERT INTO loose (doc) VALUES ('{"timer": 1}'), ('{}');
"""
COMPUTED_WRITES = """
INSERT INTO message (id, doc, n) VALUES (4, '{"timer": 1, "kept": 1}', 4);
UPDATE message SET n = 20, doc = '{"timer": 1}' WHERE id = 2;
UPDATE message SET timer = 7 WHERE id = 3;
DELETE FROM message WHERE id = 1;
INSERT INTO loose (doc) VALUES ('{"timer": 1}');
"""


def test_a_column_that_sqlite_alone_computes_is_computed_again_at_home(
    tmp_path: Path, database: str, journal: bool
) -> None:
    source = make_database(tmp_path / "app.db", COMPUTED)
    report = migrate(
        MigrateRequest(source=str(source), target=target_request(database), keep_way_back=journal)
    )
    told = [finding.object for finding in report.findings if finding.code == "F-607"]
    computed = [f'column "message"."{name}"' for name in ("timer", "kept")] + ['column "loose"."timer"']
    assert told == (computed if journal else [])
    _execute(database, COMPUTED_WRITES)

    home = _carry(database)

    assert (home.exit_status, home.proof) == (0, "proven")
    assert _ask(home.output, "SELECT id, n, timer, kept FROM message ORDER BY id") == [
        (2, 20, 1, 0),
        (3, 3, 0, 1),
        (4, 4, 1, 1),
    ]
    assert _ask(home.output, "SELECT timer FROM loose ORDER BY timer") == [(0,), (1,), (1,)]


def test_full_text_whose_column_is_called_content_is_built_again(
    tmp_path: Path, database: str, journal: bool
) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE note (id INTEGER PRIMARY KEY, content TEXT); INSERT INTO note VALUES (1, 'one');"
        "CREATE VIRTUAL TABLE found USING fts5(content, content='note', content_rowid='id');"
        "INSERT INTO found (found) VALUES ('rebuild')",
    )
    _migrate(source, database, journal=journal)
    _execute(database, "UPDATE note SET content = 'two'")

    report = _carry(database)

    assert [found.object for found in report.findings if found.code == "F-606"] == []
    assert _ask(report.output, "SELECT rowid FROM found WHERE found MATCH 'two'") == [(1,)]
    assert _ask(report.output, "SELECT rowid FROM found WHERE found MATCH 'one'") == []


def _by_its_own_collation(path: Path, script: str) -> Path:
    """Android's contacts and GRDB sort by collations that only the application has."""
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("PHONEBOOK", lambda one, two: (one > two) - (one < two))
        connection.executescript(script)
    return path


def test_a_collation_of_the_application_does_not_bar_the_way_home(
    tmp_path: Path, database: str, journal: bool
) -> None:
    source = _by_its_own_collation(
        tmp_path / "app.db",
        "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT COLLATE PHONEBOOK, n INTEGER);"
        "CREATE TABLE friend (id INTEGER PRIMARY KEY, name TEXT COLLATE PHONEBOOK, n INTEGER);"
        "CREATE TABLE quiet (id INTEGER PRIMARY KEY, name TEXT COLLATE PHONEBOOK);"
        "CREATE INDEX friend_name ON friend (name); CREATE INDEX quiet_name ON quiet (name);"
        "INSERT INTO person VALUES (1, 'ann', 1); INSERT INTO friend VALUES (1, 'bob', 1), (2, 'cy', 2);"
        "INSERT INTO quiet VALUES (1, 'dee')",
    )
    _migrate(source, database, journal=journal)
    _execute(
        database,
        "UPDATE person SET n = 2; INSERT INTO friend VALUES (3, 'eve', 3); DELETE FROM friend WHERE id = 1",
    )

    report = _carry(database)

    assert (report.exit_status, report.proof) == (0, "proven")
    assert _ask(report.output, "SELECT * FROM person") == [(1, "ann", 2)]
    assert _ask(report.output, "SELECT * FROM friend ORDER BY id") == [(2, "cy", 2), (3, "eve", 3)]
    told = [(found.object, found.detail) for found in report.findings if found.code == "F-608"]
    assert told == [
        ('index "friend_name" of table "friend"', "CREATE INDEX friend_name ON friend (name)"),
    ]
    indexes = _ask(report.output, "SELECT name FROM sqlite_schema WHERE type = 'index'")
    assert indexes == [("quiet_name",)]


def test_a_key_by_a_collation_of_the_application_is_no_damage(
    tmp_path: Path, database: str, journal: bool
) -> None:
    source = _by_its_own_collation(
        tmp_path / "app.db",
        "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT COLLATE PHONEBOOK UNIQUE);"
        "INSERT INTO person VALUES (1, 'ann')",
    )
    _migrate(source, database, journal=journal)
    _execute(database, "INSERT INTO person VALUES (2, 'bob')")
    with pytest.raises(RefusedError) as refused:
        _carry(database)
    assert refused.value.code == "H-109"
    assert "PHONEBOOK" in refused.value.detail
    assert [path.name for path in tmp_path.iterdir() if "app" in path.name] == ["app.db"]


def test_the_old_application_goes_on_as_if_it_had_never_left(
    source: Path, database: str, journal: bool
) -> None:
    _migrate(source, database, journal=journal)
    _execute(
        database, WRITES + "INSERT INTO author (email) VALUES ('gone@x');\nDELETE FROM author WHERE id = 5"
    )
    path = _carry(database).output

    # Its triggers fired on PostgreSQL, once for each UPDATE, not on the way; its search index knows new rows.
    assert _ask(path, "SELECT * FROM log") == [("changed",)] * 3
    assert _ask(path, "SELECT rowid FROM search WHERE search MATCH 'new'") == [(4,)]
    assert _ask(path, "SELECT rowid FROM find WHERE find MATCH 'new'") == [(2,)]
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO author (email) VALUES ('next@x')")
    connection.execute("UPDATE author SET rating = 1 WHERE id = 1")
    connection.commit()
    # 5 was given out on PostgreSQL and must not be given out again.
    assert connection.execute("SELECT max(id) FROM author").fetchall() == [(6,)]
    assert connection.execute("SELECT * FROM log").fetchall() == [("changed",)] * 4
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%howdah%'").fetchall() == []
    connection.close()


def test_rowids_that_postgresql_never_saw_stay_as_they_were(
    source: Path, database: str, journal: bool
) -> None:
    connection = sqlite3.connect(source)
    connection.execute("UPDATE loan SET rowid = 100 WHERE reader = 'bob'")
    connection.commit()
    connection.close()
    _migrate(source, database, journal=journal)
    _execute(database, "UPDATE loan SET note = 'seen' WHERE reader = 'bob'")

    path = _carry(database).output

    assert _ask(path, "SELECT rowid, note FROM loan WHERE reader = 'bob'") == [(100, "seen")]


def test_a_wal_file_comes_home_as_one(tmp_path: Path, database: str) -> None:
    source = make_database(
        tmp_path / "wal.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY);"
    )
    _migrate(source, database, journal=True)
    _execute(database, "INSERT INTO t VALUES (1)")
    path = _carry(database).output
    assert _ask(path, "PRAGMA journal_mode") == [("wal",)]
    assert _ask(path, "SELECT * FROM t") == [(1,)]


def test_truncate_and_replication_sessions_do_not_escape_the_journal(source: Path, database: str) -> None:
    _migrate(source, database, journal=True)
    _execute(
        database,
        "TRUNCATE tag;\nSET session_replication_role = replica;\nDELETE FROM author WHERE id = 1;\n"
        "INSERT INTO tag VALUES ('z', 'after')",
    )
    report = _carry(database)
    assert _ask(report.output, "SELECT code FROM tag") == [("z",)]
    assert _ask(report.output, "SELECT id FROM author") == [(2,)]
    assert report.proof == "proven"


def test_a_role_without_rights_on_our_schema_writes_through_the_journal(source: Path, database: str) -> None:
    _migrate(source, database, journal=True)
    _execute(
        database,
        "DROP ROLE IF EXISTS app_writer;\nCREATE ROLE app_writer;\n"
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO app_writer;\nSET ROLE app_writer;\n"
        "UPDATE tag SET label = 'by the application' WHERE code = 'a'",
    )
    path = _carry(database).output
    assert _ask(path, "SELECT label FROM tag WHERE code = 'a'") == [("by the application",)]
    _execute(database, "DROP OWNED BY app_writer;\nDROP ROLE app_writer")


def test_a_value_without_an_exact_form_is_refused_until_agreed_to(
    source: Path, database: str, journal: bool
) -> None:
    _migrate(source, database, journal=journal)
    _execute(database, "UPDATE author SET made = '2024-01-01 10:00:00.123456' WHERE id = 1")

    with pytest.raises(RefusedError) as refused:
        _carry(database)
    assert refused.value.code == "H-107"
    assert "2024-01-01 10:00:00.123456" in refused.value.detail
    assert not Path(f"{source}.carried-back").exists()

    report = _carry(database, nearest=True)
    assert report.exit_status == 0
    assert [(value.column, value.count) for value in report.inexact] == [("made", 1)]
    assert _ask(report.output, "SELECT made FROM author WHERE id = 1") == [("2024-01-01 10:00:00.123456",)]


@pytest.mark.parametrize(
    ("column", "value", "shown", "nearest"),
    [
        ("rating", "NaN", "NaN", None),
        ("made", "infinity", "infinity", "infinity"),
        ("made", "-infinity", "-infinity", "-infinity"),
        ("made", "0044-03-15 10:00:00 BC", "0044-03-15 10:00:00 BC", "0044-03-15 10:00:00 BC"),
        ("made", "12024-01-01 00:00:00.5", "12024-01-01 00:00:00.5", "12024-01-01 00:00:00.5"),
        ("born", "infinity", "infinity", "infinity"),
        ("born", "0001-12-31 BC", "0001-12-31 BC", "0001-12-31 BC"),
    ],
)
def test_what_sqlite_cannot_say_is_spelled_as_postgresql_spells_it(
    tmp_path: Path, database: str, column: str, value: str, shown: str, nearest: str | None
) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE author (id INTEGER PRIMARY KEY, made DATETIME, born DATE, rating REAL);"
        "INSERT INTO author VALUES (1, '2024-01-01 10:00:00', '2024-01-01', 1.5);",
    )
    _migrate(source, database, journal=True)
    _execute(database, f"UPDATE author SET {column} = '{value}' WHERE id = 1")
    with pytest.raises(RefusedError) as refused:
        _carry(database)
    assert (refused.value.code, refused.value.detail) == ("H-107", f'"author"."{column}": 1, such as {shown}')
    report = _carry(database, nearest=True)
    assert (report.exit_status, [each.count for each in report.inexact]) == (0, [1])
    assert _ask(report.output, f"SELECT {column} FROM author") == [(nearest,)]


@pytest.mark.parametrize("columns", [("rowid",), ("rowid", "oid", "_rowid_")])
def test_columns_that_are_called_as_row_numbers_are_no_row_numbers(
    tmp_path: Path, database: str, columns: tuple[str, ...], journal: bool
) -> None:
    declared = "".join(f", {name} TEXT" for name in columns)
    source = make_database(
        tmp_path / "app.db",
        f"CREATE TABLE note (code TEXT PRIMARY KEY, n INT{declared});"
        "INSERT INTO note (code, n, rowid) VALUES ('a', 1, 'same'), ('b', 2, 'same'), ('c', 3, NULL);",
    )
    _migrate(source, database, journal=journal)
    _execute(
        database,
        "UPDATE note SET n = n + 10;\n"
        "INSERT INTO note (code, n, rowid) VALUES ('d', 4, 'same'), ('e', 5, NULL)",
    )
    report = _carry(database)
    assert report.exit_status == 0
    assert _ask(report.output, "SELECT code, n, rowid FROM note ORDER BY code") == [
        ("a", 11, "same"),
        ("b", 12, "same"),
        ("c", 13, None),
        ("d", 4, "same"),
        ("e", 5, None),
    ]


def test_ddl_since_is_reported_before_anything_moves(source: Path, database: str) -> None:
    _migrate(source, database, journal=True)
    _execute(database, "ALTER TABLE author ADD COLUMN age int;\nCREATE TABLE extra (id int)")
    with pytest.raises(RefusedError) as refused:
        _carry(database)
    assert refused.value.code == "H-105"
    assert '"author"."age"' in refused.value.detail
    assert '"extra"' in refused.value.detail

    report = _carry(database, without_new_objects=True)
    assert [finding.code for finding in report.findings if finding.code == "F-602"] == ["F-602"] * 2

    _execute(database, "ALTER TABLE author DROP COLUMN picture")
    with pytest.raises(RefusedError) as refused:
        _carry(database, without_new_objects=True, output=source.parent / "other.db")
    assert refused.value.code == "H-104"


def test_a_journal_that_was_switched_off_is_not_trusted(source: Path, database: str) -> None:
    _migrate(source, database, journal=True)
    _execute(
        database,
        "ALTER TABLE tag DISABLE TRIGGER ALL;\nUPDATE tag SET label = 'unseen' WHERE code = 'a'",
    )
    report = _carry(database)
    assert _ask(report.output, "SELECT label FROM tag WHERE code = 'a'") == [("unseen",)]
    assert [(item.code, item.object) for item in report.findings if item.code == "F-601"] == [
        ("F-601", 'table "tag"')
    ]


def test_rows_in_quarantine_are_still_in_the_file(tmp_path: Path, database: str, journal: bool) -> None:
    source = make_database(
        tmp_path / "nul.db",
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);"
        "INSERT INTO note VALUES (1, 'a' || char(0) || 'b'), (2, 'kept');",
    )
    _migrate(source, database, journal=journal)
    _execute(database, "UPDATE note SET body = 'changed' WHERE id = 2")
    report = _carry(database)
    assert report.proof == "proven"
    assert _ask(report.output, "SELECT id, body FROM note") == [(1, "a\0b"), (2, "changed")]


QUARANTINED = (
    "CREATE TABLE note (code TEXT PRIMARY KEY, body TEXT){options};"
    "INSERT INTO note VALUES ('k', 'a' || char(0) || 'b'), ('m', 'n' || char(0) || 'b'), ('l', 'fine');"
)


@pytest.mark.parametrize("options", ["", " WITHOUT ROWID"])
def test_a_row_in_quarantine_stays_where_its_key_came_and_went(
    tmp_path: Path, database: str, journal: bool, options: str
) -> None:
    source = make_database(tmp_path / "nul.db", QUARANTINED.format(options=options))
    _migrate(source, database, journal=journal)
    _execute(database, "INSERT INTO note VALUES ('k', 'new');\nDELETE FROM note WHERE code IN ('k', 'l')")
    report = _carry(database)
    assert report.proof == "proven"
    assert sorted(_ask(report.output, "SELECT code, body FROM note")) == [("k", "a\0b"), ("m", "n\0b")]


@pytest.mark.parametrize("options", ["", " WITHOUT ROWID"])
def test_a_row_that_takes_the_place_of_one_in_quarantine_is_told_and_the_others_stay(
    tmp_path: Path, database: str, journal: bool, options: str
) -> None:
    source = make_database(tmp_path / "nul.db", QUARANTINED.format(options=options))
    _migrate(source, database, journal=journal)
    _execute(database, "INSERT INTO note VALUES ('k', 'new')")
    report = _carry(database)
    assert report.proof == "proven"
    assert [(item.code, item.message) for item in report.findings] == [
        ("F-605", "1 rows have the key of a row in quarantine")
    ]
    assert sorted(_ask(report.output, "SELECT code, body FROM note")) == [
        ("k", "new"),
        ("l", "fine"),
        ("m", "n\0b"),
    ]


def test_a_row_that_goes_takes_none_along_that_only_a_collation_calls_the_same(
    tmp_path: Path, database: str, journal: bool
) -> None:
    source = make_database(
        tmp_path / "case.db",
        "CREATE TABLE one (code TEXT COLLATE NOCASE, v INT);"
        "CREATE UNIQUE INDEX one_code ON one (code COLLATE BINARY);"
        "CREATE TABLE two (language TEXT COLLATE NOCASE, word TEXT COLLATE NOCASE, v INT,"
        " PRIMARY KEY (language COLLATE BINARY, word COLLATE BINARY)) WITHOUT ROWID;"
        "INSERT INTO one VALUES ('A', 1), ('a', 2), ('b', 3);"
        "INSERT INTO two VALUES ('en', 'w', 1), ('EN', 'w', 2), ('en', 'W', 3), ('de', 'w', 4);",
    )
    _migrate(source, database, journal=journal)
    _execute(
        database,
        "DELETE FROM one WHERE v = 2;\nDELETE FROM two WHERE v = 3;\nUPDATE two SET v = 5 WHERE v = 2",
    )
    report = _carry(database)
    assert report.proof == "proven"
    assert sorted(_ask(report.output, "SELECT code, v FROM one")) == [("A", 1), ("b", 3)]
    assert sorted(_ask(report.output, "SELECT * FROM two")) == [
        ("EN", "w", 5),
        ("de", "w", 4),
        ("en", "w", 1),
    ]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_rows_in_quarantine_whose_keys_are_texts_of_any_kind_are_still_in_the_file(
    tmp_path: Path, database: str, journal: bool, encoding: str
) -> None:
    # The half of a pair at the end, which SQLite keeps in UTF-16, and a byte that is not UTF-8.
    broken = "x'41003dd8'" if encoding == "UTF-16le" else "x'ff41'"
    source = make_database(
        tmp_path / "keys.db",
        f"PRAGMA encoding = '{encoding}';"
        "CREATE TABLE note (code TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;"
        f"INSERT INTO note VALUES ('é', 'a' || char(0)), ('m', 'fine'), (CAST({broken} AS TEXT), 'b');"
        "CREATE VIEW fine AS SELECT code FROM note WHERE body = 'fine' OR code = 'é';",
    )
    _migrate(source, database, journal=journal)
    _execute(database, "UPDATE note SET body = 'new' WHERE code = 'm'")
    report = _carry(database)
    assert report.proof == "proven"
    read = "SELECT hex(code), hex(body) FROM note WHERE code <> 'm' ORDER BY 1"
    assert _ask(report.output, read) == _ask(source, read)
    assert _ask(report.output, "SELECT body FROM note WHERE code = 'm'") == [("new",)]


def test_rows_that_came_with_null_in_a_unique_column_are_in_the_file(
    tmp_path: Path, database: str, journal: bool
) -> None:
    source = make_database(
        tmp_path / "null.db",
        "CREATE TABLE person (email TEXT UNIQUE, n INT); INSERT INTO person VALUES ('a', 1), ('b', 2);",
    )
    _migrate(source, database, journal=journal)
    _execute(
        database,
        "INSERT INTO person VALUES (NULL, 3), (NULL, 4);\nUPDATE person SET email = NULL WHERE n = 1",
    )
    report = _carry(database)
    assert report.proof == "proven"
    assert _ask(report.output, "SELECT * FROM person ORDER BY n") == [
        (None, 1),
        ("b", 2),
        (None, 3),
        (None, 4),
    ]


def test_the_file_is_refused_where_another_stands(source: Path, database: str) -> None:
    _migrate(source, database, journal=False)
    other = source.parent / "other.db"
    other.write_bytes(b"mine")
    with pytest.raises(RefusedError) as refused:
        _carry(database, output=other)
    assert refused.value.code == "H-102"
    assert other.read_bytes() == b"mine"


def test_a_unique_value_that_only_sqlite_guards_stops_it_with_nothing_written(
    tmp_path: Path, database: str
) -> None:
    source = make_database(
        tmp_path / "case.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE UNIQUE INDEX u ON t (lower(name) || 'x');"
        "INSERT INTO t VALUES (1, 'a');",
    )
    _migrate(source, database, journal=True)
    _execute(database, "DROP INDEX IF EXISTS u;\nINSERT INTO t VALUES (2, 'A')")
    with pytest.raises(RefusedError) as refused:
        _carry(database)
    assert refused.value.code == "H-106"
    assert [path.name for path in tmp_path.iterdir()] == ["case.db"]


def test_what_a_killed_run_left_behind_goes_with_the_next(source: Path, database: str) -> None:
    _migrate(source, database, journal=False)
    # No process has that number: it is beyond what the kernel gives out.
    left = source.parent / ".app.db.carried-back.99999999.partial"
    left.write_bytes(b"half")
    _carry(database)
    assert not left.exists()


def test_undo_takes_the_journal_with_it(source: Path, database: str) -> None:
    _migrate(source, database, journal=True)
    rollback(target_request(database))
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'note%'").fetchall() == [
            (0,)
        ]


def test_the_second_comparison_sees_a_row_that_is_not_what_the_file_says(source: Path, database: str) -> None:
    from howdah.ops.source_facts import read_catalog_of
    from howdah.state.ledger import Ledger
    from howdah.state.store import StateSchema

    _migrate(source, database, journal=False)
    catalog = read_catalog_of(str(source))
    with psycopg.connect(database) as connection:
        run = Ledger(state=StateSchema()).runs(connection)[0]

        def unlike() -> int:
            plan = run.plan.table("author")
            return count_unlike(connection, run.snapshot.path, plan, catalog.table("author"), [(1,), (2,)])

        assert unlike() == 0
        connection.execute("UPDATE author SET rating = 1.5000000000000002 WHERE id = 1")
        assert unlike() == 1
        connection.execute("DELETE FROM author WHERE id = 2")
        assert unlike() == 2
