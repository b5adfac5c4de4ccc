"""A run killed at any step ends, by the same command, as one that never was; seen step by step."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.loading import dependants, runner
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.state.ledger import Ledger, StepOutcome
from support.files import make_database
from support.runs import migrate_file, target_request

SCRIPT = """
CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT, n DECIMAL(8,2));
CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a, t TEXT UNIQUE);
CREATE TABLE c (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID;
CREATE INDEX b_a ON b (a_id);
CREATE VIEW joined AS SELECT a.t AS at, b.t AS bt FROM a JOIN b ON b.a_id = a.id;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO a SELECT i, 'text ' || i, i / 4.0 FROM n;
INSERT INTO b SELECT id, id, 'b' || id FROM a;
INSERT INTO c SELECT 'key' || id, CAST(t AS BLOB) FROM a;
"""


class _Killed(BaseException):
    """Stands for the end of the process."""


def _dump(database: str) -> tuple[list[tuple[Any, ...]], ...]:
    with psycopg.connect(database) as connection:
        return tuple(
            connection.execute(query).fetchall()
            for query in (
                "SELECT * FROM a ORDER BY id",
                "SELECT * FROM b ORDER BY id",
                "SELECT * FROM c ORDER BY k",
                "SELECT * FROM joined ORDER BY 1, 2",
                "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace ORDER BY 1",
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            )
        )


def test_every_step_may_be_the_last_and_the_same_command_finishes(
    tmp_path: Path, database: str, server: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "s.db", SCRIPT)
    # In steps although it is small, so that there is something to resume.
    monkeypatch.setattr("howdah.ops.migrate.ONE_TRANSACTION_BYTES", 0)
    record_step = Ledger.record_step
    kills = 0

    def run_until(limit: int) -> bool:
        """Run with the process "ending" at the record of step number `limit`; tell whether it did."""
        done = 0

        def record(self: Ledger, connection: object, run_id: str, outcome: StepOutcome) -> None:
            nonlocal done
            done += 1
            if done > limit:
                raise _Killed
            record_step(self, connection, run_id, outcome)  # type: ignore[arg-type]

        monkeypatch.setattr(Ledger, "record_step", record)
        try:
            migrate_file(source, database, jobs=1)
        except _Killed:
            return True
        finally:
            monkeypatch.setattr(Ledger, "record_step", record_step)
        return False

    # Each attempt gets one step further than it would have without the ones before it.
    while run_until(1):
        kills += 1
    assert kills >= 8
    interrupted = _dump(database)

    report = migrate_file(source, database)
    assert report.repeated
    assert (report.status, report.exit_status) == ("done", 0)
    with sqlite3.connect(source) as sqlite:
        assert [tuple(row) for row in sqlite.execute("SELECT id, a_id, t FROM b ORDER BY id")] == interrupted[
            1
        ]
        assert sqlite.execute("SELECT count(*) FROM joined").fetchone()[0] == len(interrupted[3])


def test_interrupted_in_one_transaction_the_target_is_untouched(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "s.db", SCRIPT)

    def die(*_: object) -> None:
        raise _Killed

    monkeypatch.setattr(runner, "set_dependants_aside", die)
    with pytest.raises(_Killed):
        migrate_file(source, database, jobs=1)

    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall() == []
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'howdah'").fetchall() == []
    monkeypatch.undo()


def test_a_changed_snapshot_is_not_resumed(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, howdah_home: Path
) -> None:
    source = make_database(tmp_path / "s.db", SCRIPT)
    monkeypatch.setattr("howdah.ops.migrate.ONE_TRANSACTION_BYTES", 0)

    def die(*_: object) -> None:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(runner, "set_dependants_aside", die)
        with pytest.raises(_Killed):
            migrate_file(source, database, jobs=1)
    (snapshot,) = howdah_home.glob("runs/*/snapshot.sqlite")
    content = bytearray(snapshot.read_bytes())
    content[-1] ^= 1
    snapshot.chmod(0o600)
    snapshot.write_bytes(content)

    from howdah.errors import IntegrityError

    with pytest.raises(IntegrityError):
        migrate_file(source, database, jobs=1)


def test_other_options_than_it_was_begun_with_do_not_finish_a_run(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "s.db", SCRIPT)
    monkeypatch.setattr("howdah.ops.migrate.ONE_TRANSACTION_BYTES", 0)

    def die(*_: object) -> None:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(runner, "set_dependants_aside", die)
        with pytest.raises(_Killed):
            migrate_file(source, database, jobs=1)

    with pytest.raises(RefusedError, match="other options"):
        migrate_file(source, database, jobs=1, json_type="jsonb")
    assert migrate_file(source, database, jobs=2).exit_status == 0


def test_two_runs_at_once_one_wins_and_the_other_is_told_who(tmp_path: Path, database: str) -> None:
    from howdah.postgres.connect import connect
    from howdah.state.store import StateSchema, exclusive_run

    source = make_database(tmp_path / "s.db", SCRIPT)
    with connect(database, application_name="howdah elsewhere") as other, exclusive_run(other, StateSchema()):
        with pytest.raises(RefusedError, match="Another Howdah") as refusal:
            migrate_file(source, database)
        assert "howdah elsewhere" in refusal.value.detail
    assert migrate_file(source, database).exit_status == 0


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_by_a_signal_the_command_line_resumes(
    tmp_path: Path, database: str, howdah_home: Path, jobs: int, number: signal.Signals
) -> None:
    source = tmp_path / "s.db"
    make_database(source, SCRIPT)
    with sqlite3.connect(source) as sqlite:
        sqlite.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
            " INSERT INTO a SELECT 500 + i, hex(randomblob(100)), 1 FROM n"
        )
    environment = {**os.environ, "HOWDAH_HOME": str(howdah_home)}
    command = [sys.executable, "-m", "howdah", "migrate", str(source), database, "--jobs", str(jobs)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        _wait_until_it_writes(database, process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    if process.returncode != 0:  # it may have been quicker than the signal
        assert process.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 6), errors

    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    assert finished.returncode == 0, finished.stderr
    with sqlite3.connect(source) as sqlite, psycopg.connect(database) as connection:
        expected = sqlite.execute("SELECT count(*), sum(id) FROM a").fetchone()
        assert connection.execute("SELECT count(*), sum(id)::bigint FROM a").fetchone() == expected
        left = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'howdah%'"
        ).fetchall()
    assert left == []


def _wait_until_it_writes(database: str, process: subprocess.Popen[str]) -> None:
    """Wait until the run holds its lock on the target, that is until it may be hit."""
    deadline = time.monotonic() + 60
    with psycopg.connect(database, autocommit=True) as connection:
        while process.poll() is None and time.monotonic() < deadline:
            if connection.execute(
                "SELECT FROM pg_stat_activity WHERE application_name LIKE 'howdah%' AND query ~ 'COPY'"
            ).fetchall():
                return
            time.sleep(0.005)


def test_a_server_that_goes_away_is_named_and_the_run_resumes(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "s.db", SCRIPT)
    monkeypatch.setattr("howdah.ops.migrate.ONE_TRANSACTION_BYTES", 0)
    set_aside = dependants.set_dependants_aside

    def cut(connection: psycopg.Connection[tuple[object, ...]], job: object) -> object:
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        return set_aside(connection, job)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(runner, "set_dependants_aside", cut)
        with pytest.raises(EnvironmentFailedError):
            migrate(MigrateRequest(source=str(source), target=target_request(database), jobs=1))

    assert migrate_file(source, database, jobs=1).exit_status == 0
