"""Wrong between fence and release: somebody always takes writes, and nothing is released unproven."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest

from howdah.errors import DifferenceError, EnvironmentFailedError
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from support.faulty import run_faulty
from support.files import make_database
from support.program import Program
from support.runs import target_request

pytestmark = pytest.mark.long

SCRIPT = """
CREATE TABLE item (id INTEGER PRIMARY KEY, note TEXT);
CREATE TABLE box (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
INSERT INTO item VALUES (1, 'a'), (2, 'b');
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


@pytest.fixture
def howdah(tmp_path: Path, howdah_home: Path) -> Program:
    return Program(directory=tmp_path, home=howdah_home)


def _follow(source: Path, database: str) -> None:
    follow(
        FollowRequest(source=str(source), target=target_request(database), consent=True, until_caught_up=True)
    )


def _write(source: Path, statement: str) -> None:
    connection = sqlite3.connect(source)
    try:
        with connection:
            connection.execute(statement)
    finally:
        connection.close()


def _cut_over(source: Path, database: str) -> CutoverRequest:
    return CutoverRequest(source=str(source), target=target_request(database))


def _change(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        # As a fault of the disk would change it, not as an application: no trigger fires.
        connection.execute("SELECT set_config('howdah.applying', 'on', false)")
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())


@pytest.mark.parametrize("step", ["drain", "prove-dirty"])
def test_a_connection_lost_behind_the_fence_lets_the_file_take_writes_again(
    source: Path, database: str, step: str
) -> None:
    _follow(source, database)
    _write(source, "INSERT INTO item VALUES (3, 'c')")
    number = {"drain": 3, "prove-dirty": 4}[step]
    cut = run_faulty("cutover", source, database, "cut", number)
    assert cut.steps[-1] == step, cut.steps
    assert cut.status == int(EnvironmentFailedError.exit_status), cut.errors
    _write(source, "INSERT INTO item VALUES (4, 'the application goes on')")
    report = cutover(_cut_over(source, database))
    assert (report.phase, report.difference_count) == ("complete", 0)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (4,)


def test_rows_that_a_killed_cutover_moved_are_proven_before_the_release(source: Path, database: str) -> None:
    _follow(source, database)
    _write(source, "INSERT INTO item VALUES (3, 'c')")
    killed = run_faulty("cutover", source, database, "kill-after", 3)
    assert (killed.status, killed.steps[-1]) == (-9, "drain")
    _change(database, "UPDATE item SET note = 'not c' WHERE id = 3")
    with pytest.raises(DifferenceError) as refused:
        cutover(_cut_over(source, database))
    assert refused.value.code == "L-108"
    _write(source, "INSERT INTO item VALUES (4, 'nothing was released')")


def test_rows_that_a_killed_way_home_moved_are_proven_before_the_file_is_released(
    source: Path, database: str
) -> None:
    _follow(source, database)
    cutover(_cut_over(source, database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO item VALUES (3, 'there')")
    killed = run_faulty("home", source, database, "kill-after", 2)
    assert (killed.status, killed.steps[-1]) == (-9, "home-drain"), killed.steps
    _change(database, "UPDATE item SET note = 'not there' WHERE id = 3")
    with pytest.raises(DifferenceError) as refused:
        go_home(target_request(database), LiveOptions())
    assert refused.value.code == "L-108"
    with pytest.raises(sqlite3.IntegrityError, match="moved to"):
        _write(source, "INSERT INTO item VALUES (9, 'not released')")
    _change(database, "UPDATE item SET note = 'there' WHERE id = 3")
    report = go_home(target_request(database), LiveOptions())
    assert (report.phase, report.difference_count) == ("home", 0)


#: Kills the command that runs it, which is the parent of the shell.
KILL = "kill -9 $PPID"


def test_the_application_is_told_of_the_release_although_who_released_was_killed(
    howdah: Program, source: Path, database: str
) -> None:
    _follow(source, database)
    told = source.with_name("told")

    def run(*words: str) -> int:
        return howdah.run(*words, "--on-release", f"echo told >> {told}").status

    assert howdah.run("cutover", source, database, "--on-release", KILL).status == -9
    assert run("cutover", str(source), database) == 0
    assert told.read_text() == "told\n"
    assert run("cutover", str(source), database) == 0
    assert told.read_text() == "told\n"

    assert howdah.run("rollback", database, "--on-release", KILL).status == -9
    assert run("rollback", database) == 0
    assert told.read_text() == "told\ntold\n"
    assert run("rollback", database) == 0
    assert told.read_text() == "told\ntold\n"
