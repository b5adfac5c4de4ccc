"""The application's triggers in a live migration: made at the cutover, gone on the way home, never twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import EnvironmentFailedError
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions, LiveRun
from howdah.ops.rollback import rollback
from support.files import make_database
from support.runs import target_request

_SCRIPT = """
    CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, words TEXT);
    INSERT INTO item VALUES (1, 'one'), (2, 'two');
    CREATE TRIGGER came AFTER INSERT ON item BEGIN INSERT INTO log (words) VALUES (new.name); END;
    CREATE TRIGGER stays BEFORE DELETE ON item BEGIN SELECT RAISE(ABORT, 'it stays'); END;
"""
_MADE = ["came", "stays"]


def _on_postgresql(database: str, statement: str) -> list[Any]:
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _on_sqlite(source: Path, statement: str) -> list[Any]:
    connection = sqlite3.connect(source, isolation_level=None)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def _triggers(database: str) -> list[str]:
    query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname !~ '^_' ORDER BY 1"
    return [name for (name,) in _on_postgresql(database, query)]


def _follow(source: Path, database: str) -> None:
    follow(
        FollowRequest(source=str(source), target=target_request(database), consent=True, until_caught_up=True)
    )


def test_they_come_at_the_cutover_and_go_on_the_way_home(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "app.db", _SCRIPT)
    _follow(source, database)
    assert _triggers(database) == []
    _on_sqlite(source, "INSERT INTO item (name) VALUES ('three')")
    _follow(source, database)
    assert _on_postgresql(database, "SELECT words FROM log") == [("three",)]

    report = cutover(CutoverRequest(source=str(source), target=target_request(database)))
    assert (report.status, report.proof) == ("complete", "proven")
    assert _triggers(database) == _MADE
    _on_postgresql(database, "INSERT INTO item (name) VALUES ('four')")
    # SQLite's triggers are there, and what they would do has been done.
    home = go_home(target_request(database), LiveOptions())
    assert (home.status, home.proof) == ("home", "proven"), home.differences
    assert _on_sqlite(source, "SELECT words FROM log") == [("three",), ("four",)]
    _on_sqlite(source, "INSERT INTO item (name) VALUES ('five')")

    again = cutover(CutoverRequest(source=str(source), target=target_request(database)))
    assert (again.status, again.proof) == ("complete", "proven"), again.differences
    assert _triggers(database) == _MADE
    assert _on_postgresql(database, "SELECT words FROM log ORDER BY id") == [
        ("three",),
        ("four",),
        ("five",),
    ]


def test_a_cutover_that_is_called_off_takes_them_with_it(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "app.db", _SCRIPT)
    _follow(source, database)
    there: list[str] = []

    def call_off(live: LiveRun) -> None:
        there.extend(_triggers(database))
        raise EnvironmentFailedError("X-1", "the release fails")

    monkeypatch.setattr("howdah.ops.live_steps.release", call_off)
    with pytest.raises(EnvironmentFailedError, match="the release fails"):
        cutover(CutoverRequest(source=str(source), target=target_request(database)))
    assert there == _MADE
    assert _triggers(database) == []
    _on_sqlite(source, "INSERT INTO item (name) VALUES ('three')")
    _follow(source, database)
    assert _on_postgresql(database, "SELECT words FROM log") == [("three",)]

    rollback(target_request(database))
    query = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    assert _on_postgresql(database, query) == [(0,)]
