"""Full-text and R*Tree tables become ordinary ones, searched by a tsvector where that is asked for."""

from __future__ import annotations

from pathlib import Path

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


def test_virtual_tables_stay_where_they_are_on_request(source: Path, database: str) -> None:
    report = migrate_file(source, database, virtual_tables=False)

    assert [table.name for table in report.tables] == ["note"]
    assert sum(finding.code == "F-101" for finding in report.findings) == 5
