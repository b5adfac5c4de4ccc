"""Tables without a key have a limit, and what the fence switches off comes back whichever way it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.finalize import finalize
from howdah.ops.follow import FollowRequest, follow, stop
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from support.faulty import run_faulty
from support.files import make_database
from support.processes import run_sqlite
from support.runs import target_request

#: One more than may be copied while nobody can write.
TOO_MANY = (
    "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i <= 200000)"
    " INSERT INTO loose SELECT i FROM n"
)
OFF = "SELECT count(*) FROM pg_class WHERE 'autovacuum_enabled=false' = ANY (reloptions)"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(
        tmp_path / "app.db",
        "CREATE TABLE loose (a); CREATE TABLE item (id INTEGER PRIMARY KEY); INSERT INTO item VALUES (1)",
    )


def _follow(source: Path, database: str) -> None:
    follow(
        FollowRequest(source=str(source), target=target_request(database), consent=True, until_caught_up=True)
    )


def _cut_over(source: Path, database: str, *, abort: bool = False) -> None:
    cutover(CutoverRequest(source=str(source), target=target_request(database), abort=abort))


def _write(source: Path, script: str) -> None:
    run_sqlite(source, f"connection.executescript({script!r})")


def _count_off(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(OFF).fetchone()
    assert row is not None
    return int(row[0])


def test_follow_refuses_a_large_table_without_a_key_and_touches_nothing(source: Path, database: str) -> None:
    _write(source, TOO_MANY)
    before = source.read_bytes()
    with pytest.raises(RefusedError) as refused:
        _follow(source, database)
    assert refused.value.code == "L-104"
    assert "loose" in refused.value.detail
    assert source.read_bytes() == before
    _write(source, "DELETE FROM loose WHERE a = 1")
    _follow(source, database)


def test_a_table_that_grew_stops_every_cutover_and_nothing_stays_switched_off(
    source: Path, database: str
) -> None:
    _follow(source, database)
    _write(source, TOO_MANY)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            _cut_over(source, database)
        assert refused.value.code == "L-104"
        _write(source, "INSERT INTO item (id) VALUES (NULL)")
        assert _count_off(database) == 0


def _abort(source: Path, database: str) -> None:
    _cut_over(source, database, abort=True)


def _stop(source: Path, database: str) -> None:
    stop(str(source), target_request(database))


def _go_home(_: Path, database: str) -> None:
    go_home(target_request(database), LiveOptions())


def _finalize(_: Path, database: str) -> None:
    finalize(target_request(database), unproven=True)


@pytest.mark.parametrize(
    ("step", "end"),
    [
        pytest.param(2, _abort, id="fence-abort", marks=pytest.mark.long),
        pytest.param(3, _stop, id="drain-stop", marks=pytest.mark.long),
        pytest.param(3, _cut_over, id="drain-cutover"),
        pytest.param(5, _go_home, id="release-home", marks=pytest.mark.long),
        pytest.param(5, _finalize, id="release-finalize", marks=pytest.mark.long),
    ],
)
def test_autovacuum_comes_back_with_the_next_command_after_a_crash(
    source: Path, database: str, step: int, end: Callable[[Path, str], None]
) -> None:
    _follow(source, database)
    killed = run_faulty("cutover", source, database, "kill-after", step)
    assert killed.status == -9
    assert killed.steps[-1] == {2: "fence", 3: "drain", 5: "release"}[step]
    assert _count_off(database) == 2
    end(source, database)
    assert _count_off(database) == 0


def test_a_column_that_sqlite_alone_computes_comes_home_after_a_cutover(
    tmp_path: Path, database: str
) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE message (id INTEGER PRIMARY KEY, doc TEXT, timer INTEGER"
        " GENERATED ALWAYS AS (json_extract(doc, '$.timer') IS 1));"
        """ INSERT INTO message (id, doc) VALUES (1, '{"timer": 1}'), (2, '{}')""",
    )
    _follow(source, database)
    _cut_over(source, database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("""INSERT INTO message (id, doc) VALUES (3, '{"timer": 1}')""")
        connection.execute("""UPDATE message SET doc = '{"timer": 1}' WHERE id = 2""")

    report = go_home(target_request(database), LiveOptions())

    assert (report.exit_status, report.proof) == (0, "proven")
    with closing(sqlite3.connect(source)) as connection:
        rows = connection.execute("SELECT id, timer FROM message ORDER BY id").fetchall()
    assert rows == [(1, 1), (2, 1), (3, 1)]
