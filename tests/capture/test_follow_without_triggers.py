"""Following a file that may not be changed: it stays as it is, and what differs is copied again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import DifferenceError, RefusedError
from howdah.model.verb_reports import LiveReport
from howdah.ops import live_steps
from howdah.ops.carry_back import CarryBackRequest, carry_back
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.finalize import finalize
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions, LiveRun
from howdah.ops.quarantine import list_rows
from howdah.ops.rollback import rollback
from support.files import make_database
from support.processes import run_sqlite
from support.program import list_objects
from support.runs import target_request

SCRIPT = """
CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT UNIQUE, note TEXT);
CREATE TABLE word (word TEXT PRIMARY KEY, uses INTEGER) WITHOUT ROWID;
CREATE TABLE keyless (a INTEGER, b TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER REFERENCES item ON DELETE CASCADE);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
  INSERT INTO item SELECT i, 'c' || i, 'old' FROM n;
INSERT INTO word VALUES ('one', 1), ('two', 2);
INSERT INTO keyless VALUES (1, 'x'), (1, 'x');
INSERT INTO child (item) VALUES (1), (2);
"""
CHANGES = (
    "UPDATE item SET code = 'swap' WHERE id = 1; UPDATE item SET code = 'c1' WHERE id = 2;"
    "UPDATE item SET code = 'c2' WHERE id = 1; DELETE FROM item WHERE id = 3;"
    "INSERT INTO item VALUES (5000, 'c5000', 'new'); UPDATE word SET uses = 3 WHERE word = 'two';"
    "DELETE FROM keyless WHERE rowid = 1; INSERT INTO keyless VALUES (2, 'y');"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


def _follow(source: Path, database: str, *, triggers: bool = False) -> LiveReport:
    return follow(
        FollowRequest(
            source=str(source), target=target_request(database), triggers=triggers, until_caught_up=True
        )
    )


def _cut_over(source: Path, database: str, **live: Any) -> LiveReport:
    options = LiveOptions(**{"on_fence": "true", **live})
    return cutover(CutoverRequest(source=str(source), target=target_request(database), live=options))


def _write(path: Path, script: str) -> None:
    run_sqlite(path, f"connection.executescript({script!r})")


def _ask(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_it_converges_by_what_differs_and_the_file_is_never_written(
    source: Path, database: str, mode: str
) -> None:
    run_sqlite(source, f"connection.execute('PRAGMA journal_mode = {mode}')")
    before = source.read_bytes()
    assert _follow(source, database).status == "caught-up"
    assert source.read_bytes() == before
    stood = _ask(database, "SELECT xmin FROM item WHERE id = 10")
    _write(source, CHANGES)
    written = source.read_bytes()
    report = _follow(source, database)
    # Four rows of item, one word; the table without a key as a whole.
    assert (report.status, report.rows_applied) == ("caught-up", 5)
    assert _ask(database, "SELECT id, code FROM item WHERE id IN (1, 2, 3, 5000) ORDER BY id") == [
        (1, "c2"),
        (2, "c1"),
        (5000, "c5000"),
    ]
    assert _ask(database, "SELECT word, uses FROM word ORDER BY word") == [("one", 1), ("two", 3)]
    assert _ask(database, "SELECT a, b FROM keyless ORDER BY a") == [(1, "x"), (2, "y")]
    assert _ask(database, "SELECT xmin FROM item WHERE id = 10") == stood

    with pytest.raises(RefusedError) as refused:
        _cut_over(source, database, on_fence="")
    assert refused.value.code == "L-126"
    _write(source, "DELETE FROM child WHERE id = 2; INSERT INTO word VALUES ('last', 1)")
    written = source.read_bytes()
    # Until the command ends nobody else can write, although nothing in the file says so.
    late = (
        f"{shlex.quote(sys.executable)} -c \"import sqlite3; sqlite3.connect('{source}', timeout=0)"
        ".execute('BEGIN IMMEDIATE')\" 2> /dev/null"
    )
    done = _cut_over(source, database, on_release=f"! {late}")
    assert (done.status, done.proof, done.findings, done.exit_status) == ("complete", "proven", (), 0)
    assert source.read_bytes() == written
    assert _ask(database, "SELECT uses FROM word WHERE word = 'last'") == [(1,)]
    assert _ask(database, "INSERT INTO child (item) VALUES (1) RETURNING id") == [(3,)]

    with pytest.raises(RefusedError) as refused:
        go_home(target_request(database), LiveOptions())
    assert refused.value.code == "L-127"
    home = carry_back(CarryBackRequest(target=target_request(database)))
    assert home.proof == "proven"
    assert run_sqlite(Path(home.output), "print(connection.execute('SELECT id FROM child').fetchall())") == (
        "[(1,), (3,)]\n"
    )
    assert finalize(target_request(database)).files == ()
    assert source.read_bytes() == written


def test_a_corrected_row_leaves_quarantine_and_a_lost_one_too(source: Path, database: str) -> None:
    _write(source, "UPDATE item SET note = 'a' || char(0) WHERE id IN (1, 2)")
    assert _follow(source, database).exit_status == 5
    _write(source, "UPDATE item SET note = 'well' WHERE id = 1; DELETE FROM item WHERE id = 2")
    assert _follow(source, database).exit_status == 0
    assert list_rows(target_request(database)).rows == ()
    assert _ask(database, "SELECT id, note FROM item WHERE id < 3") == [(1, "well")]


def test_rows_with_keys_that_are_not_unicode_come_and_go(source: Path, database: str) -> None:
    _write(source, "INSERT INTO word VALUES (CAST(x'ff41' AS TEXT), 3)")
    assert _follow(source, database).rows_quarantined == 1
    _write(source, "INSERT INTO word VALUES (CAST(x'ff42' AS TEXT), 4), ('four', 4)")
    assert _follow(source, database).rows_quarantined == 2
    _write(source, "UPDATE word SET word = 'three' WHERE uses = 3")
    assert _follow(source, database).rows_quarantined == 1
    assert _ask(database, "SELECT word FROM word ORDER BY uses") == [
        ("one",),
        ("two",),
        ("three",),
        ("four",),
    ]


def test_a_cutover_that_failed_behind_its_drain_is_called_off_and_done_again(
    source: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _follow(source, database)

    def lose(live: LiveRun) -> None:
        raise DifferenceError("L-108", "as if the proof had found something")

    with monkeypatch.context() as patched:
        patched.setattr(live_steps, "prove_dirty", lose)
        with pytest.raises(DifferenceError):
            _cut_over(source, database)
    _write(source, CHANGES)
    # Behind the drain there are foreign keys and a journal of the way back: both are gone again.
    assert _ask(
        database,
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace",
    ) == [(0,)]
    assert _follow(source, database).status == "caught-up"
    assert _cut_over(source, database).proof == "proven"
    assert _ask(database, "SELECT code FROM item WHERE id = 1") == [("c2",)]


def test_undone_the_target_is_empty_and_what_others_wrote_is_not_lost(source: Path, database: str) -> None:
    before = source.read_bytes()
    _follow(source, database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO item VALUES (77777, 'theirs', '')")
    with pytest.raises(DifferenceError):
        rollback(target_request(database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM item WHERE id = 77777")
    rollback(target_request(database))
    assert list_objects(database) == []
    assert source.read_bytes() == before
