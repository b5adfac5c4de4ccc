"""Several processes carry what one does, and the death of one of them is told and survived."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from howdah.errors import ExitStatus
from howdah.model.plan import PlanOptions, StepKind
from howdah.ops.plan import PlanRequest, plan
from support.files import make_database
from support.runs import migrate_file

SCRIPT = """
CREATE TABLE small (id INTEGER PRIMARY KEY, t TEXT);
CREATE TABLE big (
    id INTEGER PRIMARY KEY, small_id INTEGER REFERENCES small, t TEXT, n DECIMAL(12,2), r REAL, b BLOB,
    at DATETIME
);
CREATE TABLE keyless (t TEXT, n);
CREATE INDEX big_by_t ON big (t);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO small SELECT i, 's' || i FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO big SELECT i * 3 - 90000, i % 200 + 1, 'text ' || i || CASE WHEN i % 20000 = 0 THEN char(0) ELSE '' END,
    i / 4.0, i / 3.0, CAST('blob of some length, so that there are megabytes: ' || i AS BLOB), 1700000000000 + i FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO keyless SELECT 'row ' || (i / 2), CASE i % 3 WHEN 0 THEN i WHEN 1 THEN i / 7.0 ELSE 'n' END FROM n;
"""  # noqa: E501

_DIGESTS = """
SELECT (SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM small t),
       (SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM big t),
       (SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM keyless t),
       (SELECT count(*) FROM big), (SELECT count(*) FROM keyless)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_database(tmp_path_factory.mktemp("jobs") / "jobs.db", SCRIPT)


def _digests(database: str) -> tuple[object, ...]:
    with psycopg.connect(database) as connection:
        row = connection.execute(_DIGESTS).fetchone()
    assert row is not None
    return row


@pytest.fixture
def second_database(database: str) -> str:
    """Another database on the same server; it goes with the server."""
    with psycopg.connect(database, autocommit=True) as connection:
        name = f"{connection.info.dbname}_second"
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    return psycopg.conninfo.make_conninfo(database, dbname=name)


def test_two_processes_carry_the_same_as_one(
    source: Path, database: str, second_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In ranges although it is small.
    monkeypatch.setattr("howdah.planning.steps._RANGE_BYTES_MIN", 1024 * 1024)
    planned = plan(PlanRequest(source=str(source), options=PlanOptions(jobs=2)))
    ranges = [step for step in planned.steps if step.kind is StepKind.COPY and step.table == "big"]
    assert len(ranges) > 1

    one = migrate_file(source, database, jobs=1)
    two = migrate_file(source, second_database, jobs=2)

    assert _digests(database) == _digests(second_database)
    assert (one.exit_status, two.exit_status) == (5, 5)
    assert [(table.name, table.rows_target, table.rows_quarantined) for table in one.tables] == [
        (table.name, table.rows_target, table.rows_quarantined) for table in two.tables
    ]
    with closing(sqlite3.connect(source)) as sqlite:
        (count,) = sqlite.execute("SELECT count(*) FROM big WHERE instr(t, char(0)) = 0").fetchone()
    assert _digests(second_database)[3] == count == 60000 - 3


@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_worker_killed_is_told_and_the_same_command_resumes(
    source: Path, database: str, howdah_home: Path, number: int
) -> None:
    """One of the two waits for the table when it is killed, the other one for work."""
    environment = {**os.environ, "HOWDAH_HOME": str(howdah_home)}
    command = [sys.executable, "-m", "howdah", "migrate", str(source), database, "--jobs", "2"]
    with (
        psycopg.connect(database) as holder,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        _hold_table(holder, "big")
        _wait_until_one_waits(database, process)
        os.kill(_workers_of(process)[number], signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == ExitStatus.ENVIRONMENT, errors
    assert "M-301" in errors
    assert "resumes" in errors

    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert finished.returncode == ExitStatus.QUARANTINED, finished.stderr
    assert _digests(database)[3:] == (60000 - 3, 20000)


def _hold_table(holder: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    """Lock the table as soon as it is there, so that no COPY into it can begin."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if holder.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone() == (True,):
            holder.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
            return
        holder.rollback()
        time.sleep(0.002)
    raise AssertionError(f"table {name} was not created")


def _wait_until_one_waits(database: str, process: subprocess.Popen[str]) -> None:
    """Return once a worker waits for the lock and the other one has nothing left to do."""
    deadline = time.monotonic() + 60
    # Not in the transaction of the lock: there the view would show its first answer for ever.
    with psycopg.connect(database, autocommit=True) as watcher:
        while time.monotonic() < deadline and process.poll() is None:
            states = watcher.execute(
                "SELECT wait_event_type IS NOT DISTINCT FROM 'Lock',"
                " state IS NOT DISTINCT FROM 'idle' AND state_change < now() - interval '0.5 s'"
                " FROM pg_stat_activity WHERE application_name = 'howdah worker'"
            ).fetchall()
            if sorted(states) == [(False, True), (True, False)]:
                return
            time.sleep(0.01)
    raise AssertionError(f"no worker waits for the table: {process.communicate(timeout=60)[1]}")


def _workers_of(process: subprocess.Popen[str]) -> list[int]:
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    fields = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [
        int(pid) for pid, parent, command in fields if parent == str(process.pid) and "spawn_main" in command
    ]
