"""The full proof after a crash and after the way home: what it can speak of and what not."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import psycopg
import pytest

from howdah.model.verb_reports import LiveReport, UnprovenKey
from howdah.ops import go_home as go_home_verb
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_proof import prove_home
from howdah.ops.live_run import LiveOptions, LiveRun
from howdah.proof.pieces import PieceResult, RangePiece
from howdah.proof.readers import Readers
from howdah.report.live import render_live
from support.faulty import SMALL_RANGE, run_faulty
from support.files import make_database
from support.processes import run_sqlite
from support.runs import target_request

#: More than are listed of one table when nobody wrote.
ROWS = 1500
SCRIPT = f"""
CREATE TABLE item (id INTEGER PRIMARY KEY, note TEXT);
CREATE TABLE gone (id INTEGER PRIMARY KEY);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS * 2})
  INSERT INTO item SELECT i, 'old' FROM n;
INSERT INTO gone VALUES (1), (2);
"""


@pytest.fixture
def source(tmp_path: Path, database: str) -> Path:
    path = make_database(tmp_path / "app.db", SCRIPT)
    follow(
        FollowRequest(source=str(path), target=target_request(database), consent=True, until_caught_up=True)
    )
    return path


def _released_and_killed(source: Path, database: str) -> None:
    killed = run_faulty("cutover", source, database, "kill-after", 5)
    assert killed.steps[-1] == "release"


def _cut_over(source: Path, database: str) -> LiveReport:
    return cutover(CutoverRequest(source=str(source), target=target_request(database)))


def test_rows_that_were_written_since_are_listed_and_no_alarm(source: Path, database: str) -> None:
    _released_and_killed(source, database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE item SET note = 'new' WHERE id <= %s", (ROWS,))
        connection.execute("TRUNCATE gone")
        connection.execute("INSERT INTO gone VALUES (7)")
    report = _cut_over(source, database)
    assert (report.phase, report.proof, report.difference_count) == ("complete", "proven", 0)
    assert report.not_provable == ROWS + 1
    assert len(report.not_provable_keys) == 1000
    assert UnprovenKey(table="item", key="1") in report.not_provable_keys
    assert "1,501 written since" in render_live(report)


def test_damage_is_seen_among_rows_that_were_written_since(source: Path, database: str) -> None:
    _released_and_killed(source, database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE item SET note = 'new' WHERE id <= %s", (ROWS,))
        for table in ("item", "gone"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        connection.execute("UPDATE item SET note = 'damaged' WHERE id = %s", (ROWS * 2,))
        # Of this table nobody wrote a row.
        connection.execute("DELETE FROM gone WHERE id = 2")
        for table in ("item", "gone"):
            for trigger in ("_howdah_note", "_howdah_note_truncate"):
                connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}".encode())
    report = _cut_over(source, database)
    assert (report.status, report.difference_count) == ("different", 2)
    assert sorted((found.table, found.key_cells[0].value) for found in report.differences) == [
        ("gone", "2"),
        ("item", str(ROWS * 2)),
    ]


def test_the_proof_after_the_way_home_sees_damage_behind_new_writes(
    source: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut_over(source, database)

    def prove_late(live: LiveRun) -> None:
        # The application writes as soon as it may; one row changes without anybody noting it.
        run_sqlite(
            source,
            f"connection.executescript(\"UPDATE item SET note = 'since' WHERE id <= {ROWS}\")",
        )
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("SET howdah.applying = 'on'")
            connection.execute("UPDATE item SET note = 'damaged' WHERE id = %s", (ROWS * 2,))
        prove_home(live)

    monkeypatch.setattr(go_home_verb, "prove_home", prove_late)
    report = go_home(target_request(database), LiveOptions())
    assert (report.status, report.difference_count) == ("different", 1)
    assert report.not_provable == ROWS
    assert [found.key_cells[0].value for found in report.differences] == [str(ROWS * 2)]


def test_a_table_without_key_that_was_written_to_before_the_cutover_is_proven_after_the_way_home(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "app.db", "CREATE TABLE seen (who TEXT); INSERT INTO seen VALUES ('x')")
    follow(
        FollowRequest(source=str(source), target=target_request(database), consent=True, until_caught_up=True)
    )
    run_sqlite(source, "connection.executescript(\"INSERT INTO seen VALUES ('y')\")")
    assert _cut_over(source, database).proof == "proven"

    def damage(live: LiveRun) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("SET howdah.applying = 'on'")
            connection.execute("UPDATE seen SET who = 'damaged' WHERE who = 'y'")
        prove_home(live)

    monkeypatch.setattr(go_home_verb, "prove_home", damage)
    home = go_home(target_request(database), LiveOptions())
    assert (home.status, home.difference_count, home.not_provable) == ("different", 2, 0)


def test_equal_rows_of_a_table_without_key_that_came_since_are_no_alarm(
    tmp_path: Path, database: str
) -> None:
    source = make_database(tmp_path / "app.db", "CREATE TABLE seen (who TEXT); INSERT INTO seen VALUES ('x')")
    follow(
        FollowRequest(source=str(source), target=target_request(database), consent=True, until_caught_up=True)
    )
    assert _cut_over(source, database).proof == "proven"
    # By the application, as soon as it is told to come home.
    three = "import sqlite3; c = sqlite3.connect('app.db'); c.execute(\"INSERT INTO seen VALUES "
    three += "('y'), ('y'), ('y')\")"
    hook = f"cd {source.parent} && {sys.executable} -c {shlex.quote(three + '; c.commit()')}"
    home = go_home(target_request(database), LiveOptions(on_release=hook))
    assert (home.status, home.proof, home.difference_count) == ("home", "proven", 0)
    assert [(found.table, found.key) for found in home.not_provable_keys] == [("seen", "")]


def test_a_killed_proof_goes_on_where_it_was(
    source: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE item SET note = 'damaged' WHERE id = 1")
    killed = run_faulty("cutover", source, database, "kill-in-proof", 2)
    assert (killed.status, killed.steps[-1]) == (-9, "prove-all")
    with psycopg.connect(database, autocommit=True) as connection:
        done = connection.execute(
            "SELECT source_table, low, high FROM howdah.proven_piece ORDER BY low NULLS FIRST"
        ).fetchall()
        # Every row is written to before anybody goes on, the damaged one too.
        connection.execute("UPDATE item SET note = 'new'")
    inside = done[1][2]
    assert done == [("item", None, done[0][2]), ("item", done[0][2] + 1, inside)]
    compared: list[int] = []
    monkeypatch.setattr("howdah.proof.verify.RANGE_BYTES", SMALL_RANGE)
    original = RangePiece.run

    def run(self: RangePiece, readers: Readers) -> PieceResult:
        if self.job.table.name == "item":
            compared.append(self.keys.low or 0)
        return original(self, readers)

    monkeypatch.setattr(RangePiece, "run", run)
    report = _cut_over(source, database)
    assert len(compared) > 1
    assert min(compared) == inside + 1
    # What was compared with the moment of the release stands; of what was written since nothing can be said.
    assert report.not_provable == ROWS * 2 - inside
    assert (report.status, report.difference_count) == ("different", 1)
    assert [found.key_cells[0].value for found in report.differences] == ["1"]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regclass('howdah.proven_piece')").fetchall() == [(None,)]
