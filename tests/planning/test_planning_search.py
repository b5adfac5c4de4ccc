"""Full-text and R*Tree tables become ordinary ones, searched by a tsvector where that is asked for."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import psycopg
import pytest

from support.files import make_database
from support.runs import migrate_file

_SOURCE = """
    CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
    INSERT INTO note VALUES (5, 'Elephants', 'carry a howdah'), (6, 'Horses', NULL);
    CREATE VIRTUAL TABLE note_fts USING fts5(title, body, content='note', content_rowid='id');
    CREATE VIRTUAL TABLE own USING fts5(words, tokenize='porter');
    INSERT INTO own (rowid, words) VALUES (42, 'an Elephant walks'), (9007199254740993, 'nothing');
    CREATE VIRTUAL TABLE three USING fts3(words);
    INSERT INTO three (docid, words) VALUES (-3, 'x' || char(0));
    CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label);
    INSERT INTO boxes VALUES (1, 0.1, 2, 'first');
    CREATE VIRTUAL TABLE contentless USING fts5(words, content='');
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with virtual tables of every kind."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    return make_database(tmp_path / "search.db", _SOURCE)


def test_rows_that_virtual_tables_keep_arrive_with_their_numbers(source: Path, database: str) -> None:
    report = migrate_file(source, database)

    assert report.exit_status == 5  # the text with NUL
    assert {table.name: table.rows_target for table in report.tables} == {
        "note": 2,
        "own": 2,
        "three": 0,
        "boxes": 1,
    }
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT rowid, words FROM own ORDER BY 1").fetchall() == [
            (42, "an Elephant walks"),
            (9007199254740993, "nothing"),
        ]
        # An R*Tree keeps four bytes of a coordinate, rounded outwards.
        ((_, low, high, label),) = connection.execute("SELECT * FROM boxes").fetchall()
        assert (low <= 0.1, round(low, 6), high, label) == (True, 0.1, 2.0, "first")
    told = {finding.object: finding for finding in report.findings if finding.code == "F-111"}
    assert set(told) == {'table "note_fts"', 'table "own"', 'table "three"', 'table "boxes"'}
    assert [finding.object for finding in report.findings if finding.code == "F-101"] == [
        'table "note_fts"',
        'table "contentless"',
    ]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(told['table "note_fts"'].detail.encode())
        found = connection.execute("SELECT id FROM note WHERE search @@ to_tsquery('simple', 'howdah')")
        assert found.fetchall() == [(5,)]


def test_full_text_makes_the_index_that_is_offered(source: Path, database: str) -> None:
    report = migrate_file(source, database, full_text=True)

    assert report.differences == ()
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT rowid FROM own WHERE search @@ to_tsquery('simple', 'elephant')")
        assert found.fetchall() == [(42,)]


def test_a_virtual_table_is_left_out_and_chosen_by_name_as_any_other(source: Path, database: str) -> None:
    report = migrate_file(source, database, exclude=("three", "bo*"))

    assert [table.name for table in report.tables] == ["note", "own"]
    told = {finding.object for finding in report.findings if finding.code in ("F-101", "F-111")}
    assert told == {'table "note_fts"', 'table "own"', 'table "contentless"'}


def test_virtual_tables_stay_where_they_are_on_request(source: Path, database: str) -> None:
    report = migrate_file(source, database, virtual_tables=False)

    assert [table.name for table in report.tables] == ["note"]
    assert sum(finding.code == "F-101" for finding in report.findings) == 5


def test_rows_that_cannot_be_read_through_their_module_are_carried_as_its_table_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = tmp_path / "app.db"
    with closing(apsw.Connection(str(source))) as connection:
        connection.execute("""
            CREATE VIRTUAL TABLE many USING fts4(body, languageid="lid");
            INSERT INTO many (docid, body, lid) VALUES (7, 'bonjour', 3);
            CREATE VIRTUAL TABLE labels
                USING fts5(body, label UNINDEXED, content='', contentless_unindexed=1);
            INSERT INTO labels (rowid, body, label) VALUES (5, 'gone', 'kept');
            CREATE VIRTUAL TABLE areas USING geopoly(name);
            INSERT INTO areas (_shape, name) VALUES ('[[0,0],[1,0],[1,1],[0,0]]', 'triangle');
            CREATE VIRTUAL TABLE cut USING fts4("a b");
            INSERT INTO cut VALUES ('by a tokenizer of the application');
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE cut USING fts4("a b", tokenize=own)'
                WHERE name = 'cut';
        """)

    report = migrate_file(source, database)

    assert report.exit_status == 0
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT * FROM many_content").fetchall() == [(7, "bonjour", 3)]
        assert connection.execute("SELECT * FROM labels_content").fetchall() == [(5, "kept")]
        assert connection.execute("SELECT a1, length(a0) FROM areas_rowid").fetchall() == [("triangle", 28)]
        assert connection.execute("SELECT * FROM cut_content").fetchall() == [
            (1, "by a tokenizer of the application")
        ]
    told = {finding.object: finding.message for finding in report.findings if finding.code == "F-101"}
    assert set(told) == {f'table "{name}"' for name in ("many", "labels", "areas", "cut")}
    assert told['table "many"'].endswith('its rows are carried as they are in "many_content"')


def test_what_lies_behind_a_module_that_is_not_built_in_is_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE vec_rowids (rowid INTEGER PRIMARY KEY, id);"
        "CREATE TABLE vec_vector_chunks00 (rowid PRIMARY KEY, vectors BLOB NOT NULL);"
        "CREATE TABLE vec_information (a); INSERT INTO vec_rowids VALUES (1, 'one');"
        "INSERT INTO vec_vector_chunks00 VALUES (1, x'0000803f'); INSERT INTO vec_information VALUES (5);"
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES"
        " ('table', 'vec', 'vec', 0, 'CREATE VIRTUAL TABLE vec USING vec0(embedding float[1])');",
    )

    report = migrate_file(source, database)

    assert report.exit_status == 0
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT * FROM vec_rowids").fetchall() == [(1, "one")]
        assert connection.execute("SELECT vectors FROM vec_vector_chunks00").fetchall() == [(b"\0\0\x80?",)]
        assert connection.execute("SELECT * FROM vec_information").fetchall() == [(5,)]
    (finding,) = [finding for finding in report.findings if finding.code == "F-101"]
    assert finding.message.endswith('carried as they are in "vec_rowids", "vec_vector_chunks00"')


def test_a_table_is_not_left_out_because_it_is_called_like_one_of_full_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    names = ("docs_content", "note_content", "bare_content", "log_stat", "log_docsize")
    source = make_database(
        tmp_path / "app.db",
        """
        CREATE TABLE docs_content (id INTEGER PRIMARY KEY, body TEXT);
        CREATE VIRTUAL TABLE docs USING fts5(body, content='docs_content', content_rowid='id');
        CREATE TABLE note_content (id INTEGER PRIMARY KEY, body TEXT);
        CREATE VIRTUAL TABLE note USING fts4(body, content='note_content');
        CREATE VIRTUAL TABLE bare USING fts5(body, content='');
        CREATE TABLE bare_content (id INTEGER PRIMARY KEY, body TEXT);
        CREATE VIRTUAL TABLE log USING fts3(body);
        CREATE TABLE log_stat (id INTEGER PRIMARY KEY, body TEXT);
        CREATE TABLE log_docsize (id INTEGER PRIMARY KEY, body TEXT);
        """
        + "".join(f"INSERT INTO {name} VALUES (1, 'mine');" for name in names),
    )

    report = migrate_file(source, database)

    with psycopg.connect(database) as connection:
        for name in names:
            assert connection.execute(f"SELECT * FROM {name}".encode()).fetchall() == [(1, "mine")]
    shadows = {finding.object: finding.message for finding in report.findings if finding.code == "F-102"}
    assert shadows == {
        'table "docs"': "Its 4 tables: docs_config, docs_data, docs_docsize, docs_idx",
        'table "note"': "Its 4 tables: note_docsize, note_segdir, note_segments, note_stat",
        'table "bare"': "Its 4 tables: bare_config, bare_data, bare_docsize, bare_idx",
        'table "log"': "Its 3 tables: log_content, log_segdir, log_segments",
    }
